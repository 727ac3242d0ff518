import { SerialPipe } from '../backends/index.ts';
import { fileSerial, HostInput, HostOutput, nullSerial } from '../host/index.ts';
import { CommandSession, commandPorts } from '../images/index.ts';
import type { VirtualMachine, VmEnd } from '../vm/index.ts';
import { exitStatus, reportEnd, say } from './exit-status.ts';
import { createVm, type GuestRun, readerGoneStatus } from './guest-run.ts';

/** Runs one command in a guest, with our standard streams. Returns its exit status. */
export async function runCommand(run: GuestRun): Promise<number> {
  const { options, signals } = run;
  const { serial } = options;
  let vm: VirtualMachine | undefined;
  let quitStatus = 0;
  const quit = (status: number): void => {
    quitStatus = status;
    vm?.stop();
  };
  const flow = {
    onFull: () => vm?.hold(),
    onDrained: () => vm?.release(),
    onClosed: () => quit(readerGoneStatus),
  };
  const outputs = { stdout: new HostOutput(process.stdout, flow), stderr: new HostOutput(process.stderr, flow) };
  const input = new HostInput(() => process.stdin);
  const session = new CommandSession({
    writeToPort: (port, bytes) => pipes[port - 1]?.send(bytes),
    onOutput: (stream, bytes) => outputs[stream].write(bytes),
    readInput: (maxBytes) => input.read(maxBytes),
  });
  const pipes = [commandPorts.output, commandPorts.error, commandPorts.control].map(
    (port) => new SerialPipe({ onOutput: (bytes) => session.receive(port, bytes) }),
  );
  const onError = (error: Error): void => vm?.stop({ kind: 'failed', error });
  const console = serial.kind === 'file' ? fileSerial({ path: serial.path, onError }) : nullSerial();
  const guest = await createVm(run, [console, ...pipes]);
  vm = guest.vm;
  signals.onQuit = () => quit(signals.status);
  if (signals.status !== 0) return signals.status;
  vm.start();
  const status = await Promise.race([session.exitStatus, vm.ended.then(() => undefined)]).catch(() => undefined);
  vm.stop({ kind: 'power-off' });
  const end = await vm.ended;
  input.close();
  await Promise.all([outputs.stdout.flushed(), outputs.stderr.flushed()]);
  guest.writeStatistics(end);
  return status ?? reportLoss(end, vm.lastConsoleLine, quitStatus);
}

/** The machine is gone and the command has no status. */
function reportLoss(end: VmEnd, lastConsoleLine: string, quitStatus: number): number {
  if (end.kind !== 'power-off') return reportEnd(end, quitStatus);
  const lastWords = lastConsoleLine === '' ? '' : `; its console says ${JSON.stringify(lastConsoleLine)}`;
  say(`Cannot tell the command's status: the guest powered off before the command ended${lastWords}`);
  return exitStatus.commandLost.status;
}
