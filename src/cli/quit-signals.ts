import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** While open, the signals that end a program call `onQuit` with the status that a shell tells for them. */
export class QuitSignals {
  /** Aborts at the first of them. */
  readonly signal: AbortSignal;
  /** The status to end with; 0 until a signal came. */
  status = 0;
  onQuit: () => void = () => {};
  readonly #listeners: readonly (readonly [string, () => void])[];

  constructor() {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#listeners = signals.map((name) => [name, () => this.#take(name, controller)]);
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  /** Runs something while open. When a signal ended it, whatever it failed with does not matter. */
  static async during(run: (signals: QuitSignals) => Promise<number>): Promise<number> {
    const signals = new QuitSignals();
    try {
      return await run(signals);
    } catch (error) {
      if (signals.status !== 0) return signals.status;
      throw error;
    } finally {
      signals.close();
    }
  }

  close(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  /** Whoever sends a second signal has waited long enough. */
  #take(name: (typeof signals)[number], controller: AbortController): void {
    if (this.status !== 0) process.exit(this.status);
    this.status = 128 + constants.signals[name];
    controller.abort();
    this.onQuit();
  }
}
