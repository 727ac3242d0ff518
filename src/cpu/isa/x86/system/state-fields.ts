import { StateError } from '../../../../base/index.ts';

/** One value of a saved state, with its path for the error message. */
export class FieldReader {
  readonly #schema: string;
  readonly #path: string;
  readonly #value: unknown;

  constructor(schema: string, path: string, value: unknown) {
    this.#schema = schema;
    this.#path = path;
    this.#value = value;
  }

  field(name: string): FieldReader {
    const value = this.#value;
    if (typeof value !== 'object' || value === null) this.#reject('is not an object');
    const path = this.#path === '' ? name : `${this.#path}.${name}`;
    if (!Object.hasOwn(value, name)) throw new StateError(this.#schema, path, 'is missing');
    return new FieldReader(this.#schema, path, (value as Record<string, unknown>)[name]);
  }

  /** The elements of an array, of an exact length when given. */
  list(name: string, length?: number): FieldReader[] {
    const field = this.field(name);
    const value = field.#elements();
    if (length !== undefined && value.length !== length)
      field.#reject(`has ${value.length} elements instead of ${length}`);
    if (value.length > 1024) field.#reject(`has ${value.length} elements, too many`);
    return value.map((item, index) => new FieldReader(this.#schema, `${field.#path}[${index}]`, item));
  }

  element(index: number): FieldReader {
    return new FieldReader(this.#schema, `${this.#path}[${index}]`, this.#elements()[index]);
  }

  #elements(): unknown[] {
    return Array.isArray(this.#value) ? this.#value : this.#reject('is not a list');
  }

  integer(low: number, high: number): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isInteger(value)) this.#reject('is not an integer');
    if (value < low || value > high) this.#reject(`is ${value}, outside ${low}-${high}`);
    return value;
  }

  oneOf<const Name extends string>(names: readonly Name[]): Name {
    const found = names.find((name) => name === this.#value);
    if (found === undefined) this.#reject(`is none of ${names.join(', ')}`);
    return found;
  }

  boolean(): boolean {
    if (typeof this.#value !== 'boolean') this.#reject('is not true or false');
    return this.#value;
  }

  /** A string "0x..." of up to 64 bits. */
  hex64(): string {
    const value = this.#value;
    if (typeof value !== 'string' || !/^0x[0-9a-f]{1,16}$/.test(value))
      this.#reject('is not a 64-bit hexadecimal string');
    return value;
  }

  hexCanonical(): string {
    const value = this.hex64();
    const number = BigInt(value);
    if (BigInt.asUintN(64, BigInt.asIntN(48, number)) !== number) this.#reject(`is ${value}, not a canonical address`);
    return value;
  }

  hexBytes(length: number): string {
    const value = this.#value;
    if (typeof value !== 'string' || !/^[0-9a-f]*$/.test(value) || value.length !== 2 * length) {
      this.#reject(`is not ${length} hexadecimal bytes`);
    }
    return value;
  }

  #reject(reason: string): never {
    throw new StateError(this.#schema, this.#path, reason);
  }
}
