import type { VmEnd } from '../vm/index.ts';
import { reportError } from './errors.ts';

/** Exit statuses of `mezz run`; the help text is made from this table. */
export const exitStatus = {
  ok: { status: 0, meaning: 'the guest powered off, or its user quit it' },
  internal: { status: 1, meaning: 'a mistake in mezz itself' },
  usage: { status: 2, meaning: 'bad arguments, an unreadable file, too little memory' },
  tripleFault: { status: 70, meaning: 'the guest died of a triple fault' },
  panic: { status: 71, meaning: "the guest's kernel panicked" },
  reset: { status: 72, meaning: 'the guest asked for a reset (a guest is not started again)' },
  unsupported: { status: 73, meaning: 'the guest did what mezz does not support yet' },
  commandLost: { status: 74, meaning: 'the guest powered off before its COMMAND ended' },
  timeout: { status: 124, meaning: '--timeout was over' },
} as const;

/** Says on standard error how a guest ended, unless all is well. Returns the exit status; `quitStatus` for a killed VM. */
export function reportEnd(end: VmEnd, quitStatus: number): number {
  switch (end.kind) {
    case 'power-off':
      return exitStatus.ok.status;
    case 'killed':
      return quitStatus;
    case 'debug-exit':
      return end.status & 0xff;
    case 'failed':
      return reportError(end.error);
    case 'triple-fault':
      say(`The guest died of a triple fault\n${end.registers.trimEnd()}`);
      return exitStatus.tripleFault.status;
    case 'panic':
      say(`The guest's kernel panicked: ${end.message}`);
      return exitStatus.panic.status;
    case 'reset':
      say('The guest asked for a reset and was stopped');
      return exitStatus.reset.status;
    case 'unsupported':
      say(`Cannot run the guest further: ${end.reason}`);
      return exitStatus.unsupported.status;
    case 'timeout':
      say(`The guest was stopped: ${end.seconds} s were over`);
      return exitStatus.timeout.status;
    default:
      return end satisfies never;
  }
}

export function say(text: string): void {
  process.stderr.write(`mezz: ${text}\n`);
}
