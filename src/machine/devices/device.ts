import type { StateSchema } from '../../base/index.ts';

/** A part of a board: it has a name, state, and a reset button. */
export interface Device<State> {
  readonly name: string;
  reset(): void;
  /** Resolves when no host request is in flight. */
  quiesce?(): Promise<void>;
  /** Plain data; changes nothing. */
  save(): State;
  /** Checks everything; legal only before the first start. Throws StateError. */
  restore(state: State): void;
}

/** A device that says how its saved state is recognised: what a snapshot's header lists. */
export interface SavedDevice<State> extends Device<State> {
  readonly schema: StateSchema<State>;
}
