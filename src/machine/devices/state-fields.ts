import { StateError, type StateSchema } from '../../base/index.ts';

/** Checks one field of saved state and gives its typed value. Throws StateError naming `path`. */
export type Field<T> = (value: unknown, schema: string, path: string) => T;

type Fields = Readonly<Record<string, Field<unknown>>>;
type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** The state that a schema decodes to. */
export type StateOf<Schema> = Schema extends StateSchema<infer State> ? State : never;

/** An integer from 0 to `max`. */
export function unsigned(max: number): Field<number> {
  return (value, schema, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
      throw new StateError(schema, path, `is not an integer from 0 to ${max}`);
    }
    return value;
  };
}

export const u8 = unsigned(0xff);
export const u16 = unsigned(0xffff);
export const u32 = unsigned(0xffffffff);

/** A finite number; times are saved relative to the moment of saving, so they may be negative. */
export const finite: Field<number> = (value, schema, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new StateError(schema, path, 'is not a finite number');
  return value;
};

/** A number, whole or not, at most `limit` away from zero. */
export function within(limit: number): Field<number> {
  return (value, schema, path) => {
    const number = finite(value, schema, path);
    if (Math.abs(number) > limit) throw new StateError(schema, path, `is not within ${limit} of zero`);
    return number;
  };
}

export const bool: Field<boolean> = (value, schema, path) => {
  if (typeof value !== 'boolean') throw new StateError(schema, path, 'is not a boolean');
  return value;
};

/** `null` stands for absence, so that state survives JSON. */
export function nullable<T>(field: Field<T>): Field<T | null> {
  return (value, schema, path) => (value === null ? null : field(value, schema, path));
}

/** An array of `minLength` to `maxLength` elements. */
export function list<T>(field: Field<T>, minLength: number, maxLength = minLength): Field<readonly T[]> {
  return (value, schema, path) => {
    if (!Array.isArray(value) || value.length < minLength || value.length > maxLength) {
      const length = minLength === maxLength ? `${minLength}` : `${minLength} to ${maxLength}`;
      throw new StateError(schema, path, `is not an array of ${length} elements`);
    }
    return value.map((element: unknown, i) => field(element, schema, `${path}[${i}]`));
  };
}

/** An object with exactly these fields. */
export function record<F extends Fields>(fields: F): Field<Decoded<F>> {
  return (value, schema, path) => {
    if (typeof value !== 'object' || value === null) throw new StateError(schema, path || 'state', 'is not an object');
    const prefix = path && `${path}.`;
    const given = value as Record<string, unknown>;
    for (const key of Object.keys(given)) {
      if (!Object.hasOwn(fields, key)) throw new StateError(schema, prefix + key, 'is unknown');
    }
    const decoded: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(fields)) {
      if (!Object.hasOwn(given, key)) throw new StateError(schema, prefix + key, 'is missing');
      decoded[key] = field(given[key], schema, prefix + key);
    }
    return decoded as Decoded<F>;
  };
}

/** A schema whose fields are a table: it gives the state's type and the check of every field. */
export function stateSchema<F extends Fields>(id: string, version: number, fields: F): StateSchema<Decoded<F>> {
  const decodeFields = record(fields);
  return {
    id,
    version,
    decode(savedVersion, saved) {
      if (savedVersion !== version) {
        throw new StateError(id, 'version', `is ${savedVersion}, and only ${version} is known`);
      }
      return decodeFields(saved, id, '');
    },
  };
}
