import { join } from 'node:path';
import { type EngineOfBench, mezzCommand, qemuCommand } from '../machines.ts';
import type { Bits } from './compile.ts';
import { guestFolder, type JobGuest } from './job-guest.ts';
import { Session } from './session.ts';

export const machineNames = ['mezz', 'qemu', 'v86', 'native'] as const;
export type MachineName = (typeof machineNames)[number];

const bootTimeoutSeconds = 300;
const stopTimeoutSeconds = 20;

/** A machine that runs jobs; it starts when it is needed, and again after it was lost. */
export class JobMachine {
  readonly name: MachineName;
  readonly bits: Bits;
  /** Where it has the bench's programs. */
  readonly folder: string;
  readonly #command: readonly string[];
  #session: Session | undefined;

  constructor(name: MachineName, { bits, guest, folder }: JobGuest, engine: EngineOfBench) {
    this.name = name;
    this.bits = bits;
    this.folder = name === 'native' ? folder : guestFolder;
    const commands: Readonly<Record<MachineName, () => readonly string[]>> = {
      mezz: () => mezzCommand(guest, engine),
      qemu: () => qemuCommand(guest),
      v86: () => [],
      native: () => [join(folder, 'init')],
    };
    this.#command = commands[name]();
  }

  async session(): Promise<Session> {
    if (!this.#session?.isOpen) this.#session = await Session.start(this.#command, bootTimeoutSeconds);
    return this.#session;
  }

  async stop(): Promise<void> {
    await this.#session?.stop(stopTimeoutSeconds);
    this.#session = undefined;
  }
}
