// Port 0x92: fast A20 gate and fast reset. IBM PS/2 technical reference, "System Control Port A".

import type { BusTarget } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { type StateOf, stateSchema, unsigned } from './state-fields.ts';

const bits = { reset: 1, a20: 2, writable: 0x03 } as const;

export const port92Schema = stateSchema('port-92', 1, { control: unsigned(bits.writable) });
export type Port92State = StateOf<typeof port92Schema>;

export interface Port92Options {
  readonly onReset: () => void;
  readonly onA20: (enabled: boolean) => void;
}

export class Port92 implements SavedDevice<Port92State> {
  readonly name = 'port-92';
  readonly schema = port92Schema;
  readonly ports: BusTarget = bytePorts({ read: () => this.#control, write: (_, value) => this.#write(value) });
  readonly #options: Port92Options;
  #control: number = bits.a20;

  constructor(options: Port92Options) {
    this.#options = options;
  }

  /** The A20 gate; the keyboard controller's output port shares it. */
  get a20(): boolean {
    return (this.#control & bits.a20) !== 0;
  }

  setA20(enabled: boolean): void {
    if (enabled === this.a20) return;
    this.#control ^= bits.a20;
    this.#options.onA20(enabled);
  }

  reset(): void {
    this.#control &= ~bits.reset;
    this.setA20(true);
  }

  save(): Port92State {
    return { control: this.#control };
  }

  restore(state: Port92State): void {
    this.#control = port92Schema.decode(port92Schema.version, state).control;
    this.#options.onA20(this.a20);
  }

  #write(value: number): void {
    const resetRises = (value & ~this.#control & bits.reset) !== 0;
    this.#control = (this.#control & bits.a20) | (value & bits.reset);
    this.setA20((value & bits.a20) !== 0);
    if (resetRises) this.#options.onReset();
  }
}
