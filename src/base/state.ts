/** How one component's saved state is recognised and checked. `decode` doubts every field. */
export interface StateSchema<State> {
  readonly id: string;
  readonly version: number;
  decode(version: number, fields: unknown): State;
}

/** A snapshot field that is missing, of the wrong type or out of range. */
export class StateError extends RangeError {
  readonly schema: string;
  readonly field: string;

  constructor(schema: string, field: string, reason: string) {
    super(`Cannot restore "${schema}": field "${field}" ${reason}`);
    this.name = 'StateError';
    this.schema = schema;
    this.field = field;
  }
}
