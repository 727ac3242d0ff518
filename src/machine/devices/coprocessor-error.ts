// Coprocessor errors: FERR# of the processor, IGNNE#, IRQ 13 and port 0xf0. 82371AB (PIIX4) data sheet,
// "Coprocessor Error Register"; SDM 1, appendix D.

import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { bool, type StateOf, stateSchema } from './state-fields.ts';

export const coprocessorErrorPorts = 1;

export const coprocessorErrorSchema = stateSchema('coprocessor-error', 1, { hasError: bool, isIgnored: bool });
export type CoprocessorErrorState = StateOf<typeof coprocessorErrorSchema>;

export class CoprocessorError implements SavedDevice<CoprocessorErrorState> {
  readonly name = 'coprocessor-error';
  readonly schema = coprocessorErrorSchema;
  readonly ports: BusTarget = bytePorts({ read: () => 0xff, write: () => this.#ignore() });
  readonly #line: IrqLine;
  /** FERR#. */
  #hasError = false;
  /** IGNNE#: from a write to the port until FERR# falls. */
  #isIgnored = false;

  constructor(line: IrqLine) {
    this.#line = line;
  }

  /** FERR# of the processor; gives IGNNE#. */
  setFerr(level: boolean): boolean {
    this.#hasError = level;
    if (!level) this.#isIgnored = false;
    this.#drive();
    return this.#isIgnored;
  }

  reset(): void {
    this.setFerr(false);
  }

  save(): CoprocessorErrorState {
    return { hasError: this.#hasError, isIgnored: this.#isIgnored };
  }

  restore(state: CoprocessorErrorState): void {
    const { hasError, isIgnored } = coprocessorErrorSchema.decode(coprocessorErrorSchema.version, state);
    this.#hasError = hasError;
    this.#isIgnored = hasError && isIgnored;
    this.#drive();
  }

  #ignore(): void {
    this.#isIgnored = this.#hasError;
    this.#drive();
  }

  #drive(): void {
    this.#line.set(this.#hasError && !this.#isIgnored);
  }
}
