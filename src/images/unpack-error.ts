/** Packed data that is damaged, or of a variant that isn't supported. */
export class UnpackError extends RangeError {
  readonly format: string;
  readonly field: string;

  constructor(format: string, field: string, reason: string, options?: ErrorOptions) {
    super(`Cannot unpack ${format} data: ${reason}`, options);
    this.name = 'UnpackError';
    this.format = format;
    this.field = field;
  }
}
