import { fileSerial, nullSerial, StdioSerial } from '../host/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import type { VirtualMachine } from '../vm/index.ts';
import { reportEnd } from './exit-status.ts';
import { createVm, type GuestRun, readerGoneStatus } from './guest-run.ts';

/** Runs a guest with its console where the options say. Returns the exit status. */
export async function runConsole(run: GuestRun): Promise<number> {
  const { options, signals } = run;
  const { serial } = options;
  let vm: VirtualMachine | undefined;
  let quitStatus = 0;
  const quit = (status: number): void => {
    quitStatus = status;
    vm?.stop();
  };
  const stdio =
    serial.kind === 'stdio'
      ? new StdioSerial({
          onFull: () => vm?.hold(),
          onDrained: () => vm?.release(),
          onClosed: () => quit(readerGoneStatus),
          onQuit: () => quit(0),
        })
      : undefined;
  const file = (path: string): SerialBackend =>
    fileSerial({ path, onError: (error) => vm?.stop({ kind: 'failed', error }) });
  const console = stdio?.backend ?? (serial.kind === 'file' ? file(serial.path) : nullSerial());
  const guest = await createVm(run, [console]);
  vm = guest.vm;
  signals.onQuit = () => quit(signals.status);
  if (signals.status !== 0) return signals.status;
  stdio?.open();
  vm.start();
  const end = await vm.ended;
  await stdio?.close();
  guest.writeStatistics(end);
  return reportEnd(end, quitStatus);
}
