import { type FunctionBody, memoryOpcodes, type Opcode, opcodes, type WasmType } from '../wasm/index.ts';
import { asVal, asValue, type Operand, type Val, Value, type Width } from './values.ts';

const binary32: Record<string, (a: number, b: number) => number> = {
  'i32.add': (a, b) => a + b,
  'i32.sub': (a, b) => a - b,
  'i32.mul': Math.imul,
  'i32.and': (a, b) => a & b,
  'i32.or': (a, b) => a | b,
  'i32.xor': (a, b) => a ^ b,
  'i32.shl': (a, b) => a << (b & 31),
  'i32.shr_u': (a, b) => a >>> (b & 31),
  'i32.shr_s': (a, b) => a >> (b & 31),
  'i32.eq': (a, b) => Number(a === b),
  'i32.ne': (a, b) => Number(a !== b),
  'i32.lt_u': (a, b) => Number(a >>> 0 < b >>> 0),
};

const binary64: Record<string, (a: bigint, b: bigint) => bigint> = {
  'i64.add': (a, b) => a + b,
  'i64.sub': (a, b) => a - b,
  'i64.and': (a, b) => a & b,
  'i64.or': (a, b) => a | b,
  'i64.xor': (a, b) => a ^ b,
  'i64.shl': (a, b) => a << (b & 63n),
};

export interface BranchWatcher {
  begin(): void;
  otherwise(): void;
  /** True when the first branch is rarely taken. */
  end(): boolean;
}

/**
 * Arithmetic over `Val`s, emitted as Wasm: every result lands in a local of its own, in definition order,
 * and constants are folded. Values narrower than 32 bits are kept zero-extended in an i32.
 */
export class WasmEmitter {
  readonly body: FunctionBody;
  /** Told of conditional code: what is found out in a branch does not hold behind it. */
  branches: BranchWatcher | undefined;

  /** Locals for results, by type, that are used again once `releaseResults` was called. */
  readonly #pools: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #used: Record<WasmType, number> = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };
  #reuses = false;

  constructor(body: FunctionBody) {
    this.body = body;
  }

  /**
   * From here on the locals of earlier results may hold others: a function of many instructions would have thousands of
   * them, which V8's baseline compiler merges at every branch. Results that live on must be copied.
   */
  releaseResults(): void {
    this.#reuses = true;
    const used = this.#used;
    used.i32 = used.i64 = used.f32 = used.f64 = used.v128 = 0;
  }

  /** A local for a result of the instruction that is being emitted. */
  result(type: WasmType): number {
    if (!this.#reuses) return this.body.local(type);
    const pool = this.#pools[type];
    const at = this.#used[type]++;
    let local = pool[at];
    if (local === undefined) {
      local = this.body.local(type);
      pool.push(local);
    }
    return local;
  }

  /** What is in use now, for `restoreResults` after code that released them. */
  resultsInUse(): Readonly<Record<WasmType, number>> {
    return { ...this.#used };
  }

  restoreResults(used: Readonly<Record<WasmType, number>>): void {
    Object.assign(this.#used, used);
  }

  /** A constant of this width. */
  constant(width: Width, value: number | bigint): Operand {
    if (width === 64) return this.i64(BigInt(value));
    if (typeof value === 'number') return this.i32(width === 32 ? value : value & (width === 8 ? 0xff : 0xffff));
    return this.i32(Number(BigInt.asIntN(32, BigInt.asUintN(width, BigInt(value)))));
  }

  i32(value: number): Operand {
    return asVal(Value.i32(value));
  }

  i64(value: bigint): Operand {
    return asVal(Value.i64(value));
  }

  v128(bytes: readonly number[]): Val {
    this.body.v128(bytes);
    return this.pop('v128');
  }

  push(...vals: readonly Val[]): void {
    for (let i = 0; i < vals.length; i++) this.#pushValue(asValue(vals[i] as Val));
  }

  /** Takes what lies on the Wasm stack into a new local. */
  pop(type: WasmType): Operand {
    const local = this.result(type);
    this.body.set(local);
    return asVal(Value.local(type, local));
  }

  typeOf(val: Val): WasmType {
    return asValue(val).type;
  }

  /** A numeric Wasm instruction by its specification name. */
  op(name: string, a: Val, b?: Val, c?: Val): Operand {
    const operation = operations.get(name);
    if (!operation) throw new RangeError(`Cannot emit "${name}": no such Wasm instruction`);
    const first = asValue(a);
    const second = b === undefined ? undefined : asValue(b);
    if (first.constant !== undefined || second?.constant !== undefined) {
      const folded = fold(operation, first, second);
      if (folded) return asVal(folded);
    }
    const third = c === undefined ? undefined : asValue(c);
    return this.#numeric(operation, 0, first, second, third);
  }

  /** A lane extraction or replacement. */
  lane(name: string, lane: number, a: Val, b?: Val): Val {
    const operation = operations.get(name);
    if (!operation) throw new RangeError(`Cannot emit "${name}": no such Wasm instruction`);
    return this.#numeric(operation, lane, asValue(a), b === undefined ? undefined : asValue(b), undefined);
  }

  shuffle(a: Val, b: Val, lanes: readonly number[]): Val {
    this.push(a, b);
    this.body.shuffle(lanes);
    return this.pop('v128');
  }

  /** Reads linear memory at `address` + `offset`. */
  loadMemory(name: string, address: Val, offset: number): Operand {
    const opcode = memoryOpcodes[name];
    if (!opcode) throw new RangeError(`Cannot emit load: "${name}" is not one`);
    this.#pushValue(asValue(address));
    this.body.memory(name, offset);
    return this.pop(opcode.type);
  }

  storeMemory(name: string, address: Val, offset: number, value: Val): void {
    this.#pushValue(asValue(address));
    this.#pushValue(asValue(value));
    this.body.memory(name, offset);
  }

  /**
   * The operand's value when it is known while code is generated: a shorter way to the same meaning may be chosen then.
   * Undefined in the interpreter.
   */
  known(operand: Val): number | undefined {
    const { constant } = asValue(operand);
    return typeof constant === 'number' ? constant : undefined;
  }

  /** `condition` is an i32; runs `then` when it is not zero, which is or is not likely when that is told. */
  when(condition: Val, then: () => void, otherwise?: () => void, isLikely?: boolean): void {
    const known = this.known(condition);
    if (known !== undefined) {
      if (known !== 0) then();
      else otherwise?.();
      return;
    }
    this.branches?.begin();
    this.push(condition);
    const at = this.body.code.length;
    this.body.if();
    then();
    if (otherwise) {
      this.body.else();
      this.branches?.otherwise();
      otherwise();
    }
    if (this.branches?.end()) this.body.hintAt(at, false);
    else if (isLikely !== undefined) this.body.hintAt(at, isLikely);
    this.body.end();
  }

  /** As `when`, for what hardly ever happens and is no part of an instruction's body: the watcher does not hear of it. */
  rarely(condition: Val, then: () => void): void {
    this.push(condition);
    this.body.hint(false).if();
    then();
    this.body.end();
  }

  /** `condition ? a : b`, both computed already. */
  select(condition: Val, a: Val, b: Val): Val {
    const known = this.known(condition);
    if (known !== undefined) return known !== 0 ? a : b;
    this.push(a, b, condition);
    this.body.select();
    return this.pop(this.typeOf(a));
  }

  /** The value of whichever branch runs. */
  choose(type: WasmType, condition: Val, then: () => Val, otherwise: () => Val, isLikely?: boolean): Val {
    const local = this.result(type);
    const take = (make: () => Val) => () => {
      this.push(make());
      this.body.set(local);
    };
    this.when(condition, take(then), take(otherwise), isLikely);
    return asVal(Value.local(type, local));
  }

  /**
   * The values of `make`, or of `otherwise` where a condition that `make` gives to `doubt` is not zero, which is rare. There is
   * one copy of the rare way, however many conditions lead to it.
   */
  attempt<const Types extends readonly WasmType[]>(
    types: Types,
    make: (doubt: (condition: Val) => void) => { readonly [I in keyof Types]: Val },
    otherwise: () => { readonly [I in keyof Types]: Val },
  ): { readonly [I in keyof Types]: Val } {
    const { body } = this;
    const locals = types.map((type) => this.result(type));
    const keep = (values: readonly Val[]): void => {
      this.push(...values);
      for (const local of locals.toReversed()) body.set(local);
    };
    body.block();
    const end = body.depth;
    body.block();
    const rare = body.depth;
    const values = make((condition) => {
      this.push(condition);
      body.hint(false).brIf(body.depth - rare);
    });
    keep(values);
    body.br(body.depth - end).end();
    this.branches?.begin();
    keep(otherwise());
    this.branches?.end();
    body.end();
    return locals.map((local, i) => asVal(Value.local(types[i] as WasmType, local))) as never;
  }

  // Width-generic arithmetic. Inputs and results of 8 and 16 bits are zero-extended.

  add(width: Width, a: Val, b: Val): Val {
    return this.#narrow(width, this.op(width === 64 ? 'i64.add' : 'i32.add', a, b));
  }

  sub(width: Width, a: Val, b: Val): Val {
    return this.#narrow(width, this.op(width === 64 ? 'i64.sub' : 'i32.sub', a, b));
  }

  mul(width: Width, a: Val, b: Val): Val {
    return this.#narrow(width, this.op(width === 64 ? 'i64.mul' : 'i32.mul', a, b));
  }

  and(width: Width, a: Val, b: Val): Val {
    return this.op(width === 64 ? 'i64.and' : 'i32.and', a, b);
  }

  or(width: Width, a: Val, b: Val): Val {
    return this.op(width === 64 ? 'i64.or' : 'i32.or', a, b);
  }

  xor(width: Width, a: Val, b: Val): Val {
    return this.op(width === 64 ? 'i64.xor' : 'i32.xor', a, b);
  }

  not(width: Width, a: Val): Val {
    return this.xor(width, a, this.constant(width, -1n));
  }

  /** `count` has the operation's Wasm type and is below `width`. */
  shl(width: Width, a: Val, count: Val): Val {
    return this.#narrow(width, this.op(width === 64 ? 'i64.shl' : 'i32.shl', a, count));
  }

  shrUnsigned(width: Width, a: Val, count: Val): Val {
    return this.op(width === 64 ? 'i64.shr_u' : 'i32.shr_u', a, count);
  }

  /** Arithmetic shift of the width's own sign bit. */
  shrSigned(width: Width, a: Val, count: Val): Val {
    return this.#narrow(width, this.op(width === 64 ? 'i64.shr_s' : 'i32.shr_s', this.signed(width, a), count));
  }

  isZero(width: Width, a: Val): Val {
    return this.op(width === 64 ? 'i64.eqz' : 'i32.eqz', a);
  }

  equal(width: Width, a: Val, b: Val): Val {
    return this.op(width === 64 ? 'i64.eq' : 'i32.eq', a, b);
  }

  lessUnsigned(width: Width, a: Val, b: Val): Val {
    return this.op(width === 64 ? 'i64.lt_u' : 'i32.lt_u', a, b);
  }

  /** Sign-extended to the width's Wasm type. */
  signed(width: Width, a: Val): Val {
    if (width === 8) return this.op('i32.extend8_s', a);
    if (width === 16) return this.op('i32.extend16_s', a);
    return a;
  }

  /** Sign-extended from one width to another, equal or wider. */
  signExtend(from: Width, to: Width, a: Val): Val {
    if (from === to) return a;
    const extended = this.signed(from, a);
    return to === 64 ? this.op('i64.extend_i32_s', extended) : this.#narrow(to, extended);
  }

  zeroExtend(from: Width, to: Width, a: Val): Val {
    return from !== 64 && to === 64 ? this.op('i64.extend_i32_u', a) : a;
  }

  /** The low bits. */
  truncate(from: Width, to: Width, a: Val): Val {
    if (from === to) return a;
    return this.#narrow(to, from === 64 ? this.op('i32.wrap_i64', a) : a);
  }

  #narrow(width: Width, a: Val): Val {
    if (width >= 32) return a;
    return this.op('i32.and', a, this.i32(width === 8 ? 0xff : 0xffff));
  }

  #numeric({ opcode, result }: Operation, lane: number, a: Value, b: Value | undefined, c: Value | undefined): Operand {
    const { params } = opcode;
    if (params[0] !== a.type || params[1] !== b?.type || params[2] !== c?.type) {
      const given = [a, b, c].flatMap((value) => (value ? [value.type] : [])).join(', ');
      throw new TypeError(`Cannot emit ${opcode.name}: operands are (${given}), not (${params.join(', ')})`);
    }
    this.#pushValue(a);
    if (b !== undefined) this.#pushValue(b);
    if (c !== undefined) this.#pushValue(c);
    this.body.op(opcode, lane);
    return this.pop(result);
  }

  #pushValue({ constant, local, type }: Value): void {
    if (constant === undefined) this.body.get(local);
    else if (type === 'i64') this.body.i64(BigInt(constant));
    else this.body.i32(Number(constant));
  }
}

/** What is known of a numeric instruction besides its encoding. */
interface Operation {
  readonly opcode: Opcode;
  readonly result: WasmType;
  readonly compute32: ((a: number, b: number) => number) | undefined;
  readonly compute64: ((a: bigint, b: bigint) => bigint) | undefined;
  /** Its value is its first operand when the second is zero. */
  readonly isUnchangedByZero: boolean;
}

const unchangedByZero = new Set(
  ['add', 'sub', 'or', 'xor', 'shl', 'shr_u', 'shr_s'].flatMap((name) => [`i32.${name}`, `i64.${name}`]),
);

const operations: ReadonlyMap<string, Operation> = new Map(
  [...opcodes].flatMap(([name, opcode]): [string, Operation][] => {
    const { result } = opcode;
    if (!result) return [];
    const isUnchangedByZero = unchangedByZero.has(name);
    return [[name, { opcode, result, compute32: binary32[name], compute64: binary64[name], isUnchangedByZero }]];
  }),
);

/** The value of an operation of which some operand is a constant, if no code is needed for it. */
function fold(operation: Operation, first: Value, second: Value | undefined): Value | undefined {
  const a = first.constant;
  const b = second?.constant;
  if (a === undefined) return operation.isUnchangedByZero && (b === 0 || b === 0n) ? first : undefined;
  if (second === undefined) return foldUnary(operation.opcode.name, a);
  if (typeof a === 'number' && typeof b === 'number')
    return operation.compute32 && Value.i32(operation.compute32(a, b));
  if (typeof a === 'bigint' && typeof b === 'bigint')
    return operation.compute64 && Value.i64(operation.compute64(a, b));
  return undefined;
}

function foldUnary(name: string, a: number | bigint): Value | undefined {
  if (name === 'i64.extend_i32_s' && typeof a === 'number') return Value.i64(BigInt(a));
  if (name === 'i64.extend_i32_u' && typeof a === 'number') return Value.i64(BigInt(a >>> 0));
  if (name === 'i32.eqz' && typeof a === 'number') return Value.i32(Number(a === 0));
  if (name === 'i32.wrap_i64' && typeof a === 'bigint') return Value.i32(Number(BigInt.asIntN(32, a)));
  return undefined;
}
