import type { WasmType } from '../wasm/index.ts';

declare const valBrand: unique symbol;
declare const operandBrand: unique symbol;

/** A run-time value of the guest program. Only an emitter can compute with it. */
export interface Val {
  readonly [valBrand]: true;
}

/** Known when the translator runs; a run-time value in the interpreter. */
export interface Operand extends Val {
  readonly [operandBrand]: true;
}

/** Operand widths in bits. */
export type Width = 8 | 16 | 32 | 64;
export const bytesOf = (width: Width): 1 | 2 | 4 | 8 => (width / 8) as 1 | 2 | 4 | 8;

/** What a `Val` is underneath: a Wasm constant or a local that is written once. */
export class Value {
  readonly type: WasmType;
  readonly local: number;
  readonly constant: number | bigint | undefined;

  private constructor(type: WasmType, local: number, constant: number | bigint | undefined) {
    this.type = type;
    this.local = local;
    this.constant = constant;
  }

  static local(type: WasmType, local: number): Value {
    return new Value(type, local, undefined);
  }

  static i32(constant: number): Value {
    return new Value('i32', -1, constant | 0);
  }

  static i64(constant: bigint): Value {
    return new Value('i64', -1, BigInt.asIntN(64, constant));
  }

  /** Catches JavaScript operators on values (rule 8 of instruction bodies). */
  valueOf(): never {
    throw new TypeError('Cannot compute with a run-time value in JavaScript: use the emitter');
  }
}

export const asVal = (value: Value): Operand => value as unknown as Operand;
export const asValue = (val: Val): Value => val as unknown as Value;
