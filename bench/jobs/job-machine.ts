import { join } from 'node:path';
import { type MezzRun, mezzCommand, qemuCommand } from '../machines.ts';
import type { Bits } from './compile.ts';
import type { JobGuest } from './job-guest.ts';
import { guestPlace, hostPlace, type Place } from './place.ts';
import { Session } from './session.ts';
import { v86Command } from './v86.ts';

export const machineNames = ['mezz', 'qemu', 'v86', 'native'] as const;
export type MachineName = (typeof machineNames)[number];

const bootTimeoutSeconds = 300;
const stopTimeoutSeconds = 20;

/** A machine that runs jobs; it starts when it is needed, and again after it was lost. */
export class JobMachine {
  readonly name: MachineName;
  readonly bits: Bits;
  /** Where it has the programs. */
  readonly place: Place;
  readonly #command: readonly string[];
  #session: Session | undefined;
  /** Why it did not start; it is not tried again before it was stopped. */
  #startError: unknown;

  constructor(name: MachineName, { bits, guest, folder, debian }: JobGuest, mezz: MezzRun) {
    this.name = name;
    this.bits = bits;
    this.place = name === 'native' ? hostPlace(folder, bits, debian) : guestPlace(debian);
    const commands: Readonly<Record<MachineName, () => readonly string[]>> = {
      mezz: () => mezzCommand(guest, mezz),
      qemu: () => qemuCommand(guest),
      v86: () => v86Command(guest, debian),
      native: () => [join(folder, 'init')],
    };
    this.#command = commands[name]();
  }

  /** Does something on the machine while it may run; v86 uses a quarter of a processor even when its guest does not. */
  async awake<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    this.#session?.signal('SIGCONT');
    const session = await this.#open();
    try {
      return await work(session);
    } finally {
      if (this.name === 'v86') session.signal('SIGSTOP');
    }
  }

  async stop(): Promise<void> {
    this.#session?.signal('SIGCONT');
    await this.#session?.stop(stopTimeoutSeconds);
    this.#session = undefined;
    this.#startError = undefined;
  }

  async #open(): Promise<Session> {
    if (this.#session?.isOpen) return this.#session;
    if (this.#startError !== undefined) throw this.#startError;
    try {
      this.#session = await Session.start(this.#command, bootTimeoutSeconds);
      return this.#session;
    } catch (error) {
      this.#startError = error;
      throw error;
    }
  }
}
