// Reset control register, port 0xcf9. 82371AB (PIIX4) data sheet, section 4.2.7.1 "RC".
//
// The port lies inside the PCI configuration address register (0xcf8-0xcfb), which answers only to 4-byte
// accesses; this target covers the whole window and keeps the two apart.

import type { BusTarget } from '../bus/index.ts';
import type { SavedDevice } from './device.ts';
import { type StateOf, stateSchema, unsigned } from './state-fields.ts';

export const resetControlPorts = 4;
/** Written to 0xcf9 this resets the machine whatever was there before (the FADT's RESET_VALUE). */
export const resetControlValue = 0x06;

const offset = 1;
const bits = { systemReset: 2, resetCpu: 4, writable: 0x0e } as const;

export const resetControlSchema = stateSchema('reset-control', 1, { control: unsigned(bits.writable) });
export type ResetControlState = StateOf<typeof resetControlSchema>;

export interface ResetControlOptions {
  readonly onReset: () => void;
  /** CONFIG_ADDRESS of a PCI host bridge, for everything else in the window. */
  readonly configAddress?: BusTarget;
}

export class ResetControl implements SavedDevice<ResetControlState> {
  readonly name = 'reset-control';
  readonly schema = resetControlSchema;
  readonly ports: BusTarget = {
    read: (at, size) => {
      if (at === offset && size === 1) return this.#control;
      return this.#configAddress ? this.#configAddress.read(at, size) : 2 ** (8 * size) - 1;
    },
    write: (at, size, value) => {
      if (at === offset && size === 1) this.#write(value);
      else this.#configAddress?.write(at, size, value);
    },
  };
  readonly #onReset: () => void;
  readonly #configAddress: BusTarget | undefined;
  #control = 0;

  constructor(options: ResetControlOptions) {
    this.#onReset = options.onReset;
    this.#configAddress = options.configAddress;
  }

  reset(): void {
    this.#control = 0;
  }

  save(): ResetControlState {
    return { control: this.#control };
  }

  restore(state: ResetControlState): void {
    this.#control = resetControlSchema.decode(resetControlSchema.version, state).control;
  }

  /** A rising RCPU resets: the processor alone or everything, which is the same to a virtual machine. */
  #write(value: number): void {
    const rises = (value & ~this.#control & bits.resetCpu) !== 0;
    this.#control = value & bits.writable;
    if (rises) this.#onReset();
  }
}
