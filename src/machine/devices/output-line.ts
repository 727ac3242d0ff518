import type { IrqLine } from '../bus/index.ts';

/** A device's end of a wire: passes on changes only. */
export class OutputLine {
  readonly #line: IrqLine;
  #level = false;

  constructor(line: IrqLine) {
    this.#line = line;
  }

  get level(): boolean {
    return this.#level;
  }

  drive(level: boolean): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#line.set(level);
  }

  /** Ends high with a rising edge on the way. */
  pulse(): void {
    this.drive(false);
    this.drive(true);
  }

  /** For restore: the far end has restored the level by itself, and must not see an edge. */
  assume(level: boolean): void {
    this.#level = level;
  }
}
