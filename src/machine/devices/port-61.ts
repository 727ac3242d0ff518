// Port 0x61: NMI status and speaker control. 82371AB (PIIX4) data sheet, section 4.2.3.3 "NMISC".

import type { Clock } from '../../base/index.ts';
import type { BusTarget } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import type { Pit8254 } from './pit-8254.ts';
import { type StateOf, stateSchema, unsigned } from './state-fields.ts';

const bits = { gate2: 1, speaker: 2, writable: 0x0f, refreshToggle: 0x10, output2: 0x20 } as const;
/** Memory refresh ran from counter 1 at 1193182 / 18 Hz; old delay loops count this bit's changes. */
const refreshPeriodNs = 15_085;

export const port61Schema = stateSchema('port-61', 1, { control: unsigned(bits.writable) });
export type Port61State = StateOf<typeof port61Schema>;

export class Port61 implements SavedDevice<Port61State> {
  readonly name = 'port-61';
  readonly schema = port61Schema;
  readonly ports: BusTarget = bytePorts({ read: () => this.#read(), write: (_, value) => this.#write(value) });
  readonly #clock: Clock;
  readonly #pit: Pit8254;
  #control = 0;

  constructor(clock: Clock, pit: Pit8254) {
    this.#clock = clock;
    this.#pit = pit;
  }

  reset(): void {
    this.#write(0);
  }

  save(): Port61State {
    return { control: this.#control };
  }

  /** The gate's level is in the PIT's own state. */
  restore(state: Port61State): void {
    this.#control = port61Schema.decode(port61Schema.version, state).control;
  }

  #read(): number {
    const refresh = Math.floor(this.#clock.nowNs() / refreshPeriodNs) & 1 ? bits.refreshToggle : 0;
    return this.#control | refresh | (this.#pit.speakerOutput() ? bits.output2 : 0);
  }

  #write(value: number): void {
    this.#control = value & bits.writable;
    this.#pit.setSpeakerGate((value & bits.gate2) !== 0);
  }
}
