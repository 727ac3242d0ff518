// The error status register of a local APIC. Intel SDM volume 3A, section 11.5.3 "Error handling".

export interface SavedApicErrors {
  readonly errorStatus: number;
  readonly pendingErrors: number;
}

export class ApicErrors {
  readonly #onError: () => void;
  #status = 0;
  #pending = 0;

  constructor(onError: () => void) {
    this.#onError = onError;
  }

  /** What was found between the last two writes of the register. */
  get status(): number {
    return this.#status;
  }

  /** One of `apicError`. */
  add(error: number): void {
    this.#pending |= error;
    this.#onError();
  }

  /** The register is written, with whatever value. */
  publish(): void {
    this.#status = this.#pending;
    this.#pending = 0;
  }

  reset(): void {
    this.restore({ errorStatus: 0, pendingErrors: 0 });
  }

  save(): SavedApicErrors {
    return { errorStatus: this.#status, pendingErrors: this.#pending };
  }

  restore({ errorStatus, pendingErrors }: SavedApicErrors): void {
    this.#status = errorStatus;
    this.#pending = pendingErrors;
  }
}
