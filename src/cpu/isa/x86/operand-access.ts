/** Operand loading and write-back: common code of every instruction on every engine. */
import type { Val, WasmEmitter, Width } from '../index.ts';
import { layout } from './layout.ts';
import type { ConditionalResult, MemoryType, WritableMemory, X86Target } from './target.ts';
import type { Variant, VariantOperand } from './variant.ts';

type OperandOf<Kind extends VariantOperand['kind']> = VariantOperand & { readonly kind: Kind };

/** How an engine finds the operands that an instruction encodes. */
export interface OperandSource {
  readRegister(operand: OperandOf<'register'>): Val;
  writeRegister(operand: OperandOf<'register'>, value: Val): void;
  /** The low bits of an XMM register, as the operand's type says. Writing keeps what is above. */
  readVector(operand: OperandOf<'vector'>): Val;
  writeVector(operand: OperandOf<'vector'>, value: Val): void;
  /** Bits 128 to 255 of a YMM register; written without a value, they are cleared. */
  readVectorHigh(operand: OperandOf<'vector'>): Val;
  writeVectorHigh(operand: OperandOf<'vector'>, value: Val | undefined): void;
  /** 16 times the number of an MMX register, as an i32. */
  vectorOffset(operand: OperandOf<'mmx'>): Val;
  /** Linear address of the memory operand; of the effective address itself for LEA. */
  operandAddress(): Val;
  immediate(width: Width, isWhole: boolean): Val;
  /** The second immediate of ENTER and of far pointers, an i32. */
  secondImmediate(): Val;
  /** The form operand of branches that count (see `repeats` in row.ts): the address size. */
  branchForm(): Val;
  number(operand: OperandOf<'number'>): Val;
  /** Raises #GP(0) unless the address is a multiple of so many bytes (SDM 1, 10.4.1.1 and 14.9). */
  requireAligned(linear: Val, bytes: 16 | 32): void;
}

export interface MemoryAccess {
  /** Names of the Wasm load and store. */
  readonly load: string;
  readonly store: string;
  readonly bytes: number;
}

const memoryAccesses: Readonly<Record<string, MemoryAccess>> = {
  8: { load: 'i32.load8_u', store: 'i32.store8', bytes: 1 },
  16: { load: 'i32.load16_u', store: 'i32.store16', bytes: 2 },
  32: { load: 'i32.load', store: 'i32.store', bytes: 4 },
  64: { load: 'i64.load', store: 'i64.store', bytes: 8 },
  f32: { load: 'f32.load', store: 'f32.store', bytes: 4 },
  f64: { load: 'f64.load', store: 'f64.store', bytes: 8 },
  v256: { load: 'v128.load', store: 'v128.store', bytes: 32 },
  v128: { load: 'v128.load', store: 'v128.store', bytes: 16 },
  // Only read: the emitter refuses a store without a name.
  'v128.low64': { load: 'v128.load64_zero', store: '', bytes: 8 },
  'v128.low32': { load: 'v128.load32_zero', store: '', bytes: 4 },
};

/** How linear memory holds a value of this type. */
export function accessOf(type: MemoryType): MemoryAccess {
  const access = memoryAccesses[type];
  if (!access) throw new RangeError(`Cannot access memory as "${type}"`);
  return access;
}

/** Wasm loads and stores of fields of a vCPU's state. */
export const stateAccess = {
  i32: { load: 'i32.load', store: 'i32.store' },
  i64: { load: 'i64.load', store: 'i64.store' },
  u16: { load: 'i32.load16_u', store: 'i32.store16' },
} as const;

/** Emits one instruction: operands, body, write-back. What follows the instruction is the caller's. */
export function emitInstruction(
  e: WasmEmitter,
  x: X86Target & OperandSource,
  variant: Variant,
): { readonly results: number; readonly isConditional: boolean } {
  const operands = new OperandAccess(e, x, variant);
  for (const operand of variant.operands) operands.take(operand);
  const result = variant.row.body(e, x, variant.shape.width, ...operands.values);
  const isConditional = typeof result === 'object' && 'condition' in result;
  const value = isConditional ? (result as ConditionalResult).value : result;
  const results = value === undefined ? [] : Array.isArray(value) ? (value as readonly Val[]) : [value as Val];
  if (results.length !== operands.writers.length) {
    const { name, operands: codes } = variant.row;
    throw new RangeError(`Cannot emit ${name} ${codes}: body gives ${results.length} results`);
  }
  // The last operand first: XADD of a register with itself ends as the sum (SDM 2D, XADD).
  const writeBack = (): void => {
    for (let i = results.length - 1; i >= 0; i--) operands.writers[i]?.(results[i] as Val);
  };
  if (!isConditional) writeBack();
  else if (variant.operands[0]?.kind === 'memory') {
    // Memory is written either way (SDM 2A, CMPXCHG).
    const { condition } = result as ConditionalResult;
    operands.writers[0]?.(e.select(condition, results[0] as Val, operands.values[0] as Val));
  } else e.when((result as ConditionalResult).condition, writeBack);
  return { results: results.length, isConditional };
}

const lowHalves = new WeakMap<OperandOf<'vector'>, OperandOf<'vector'>>();

/** A YMM register's operand as that of its XMM register. */
function lowHalfOf(operand: OperandOf<'vector'>): OperandOf<'vector'> {
  let low = lowHalves.get(operand);
  if (!low) lowHalves.set(operand, (low = { ...operand, type: 'v128' }));
  return low;
}

class OperandAccess {
  readonly values: Val[] = [];
  readonly writers: ((value: Val) => void)[] = [];
  readonly #e: WasmEmitter;
  readonly #x: X86Target & OperandSource;
  readonly #isRelative: boolean;
  #immediates = 0;

  constructor(e: WasmEmitter, x: X86Target & OperandSource, variant: Variant) {
    this.#e = e;
    this.#x = x;
    this.#isRelative = variant.operands.some((o) => o.kind === 'relative');
  }

  take(operand: VariantOperand): void {
    const x = this.#x;
    switch (operand.kind) {
      case 'register':
        this.#access(
          operand,
          () => x.readRegister(operand),
          (value) => x.writeRegister(operand, value),
        );
        return;
      case 'vector':
        if (operand.type === 'v256') this.#pair(operand);
        else this.#vector(operand);
        return;
      case 'mmx':
        this.#mmx(operand, x.vectorOffset(operand));
        return;
      case 'memory':
        this.#memory(operand);
        return;
      case 'address':
        this.values.push(x.operandAddress());
        return;
      case 'immediate':
        this.#immediate(operand);
        return;
      case 'number':
        this.values.push(x.number(operand));
        return;
      case 'relative':
      case 'untouched':
        return;
      default: {
        const unknown: never = operand;
        throw new RangeError(`Cannot take operand ${String(unknown)}`);
      }
    }
  }

  #access({ access }: VariantOperand, read: () => Val, write: (value: Val) => void): void {
    if (access !== 'write') this.values.push(read());
    if (access !== 'read') this.writers.push(write);
  }

  #vector(operand: OperandOf<'vector'>): void {
    const x = this.#x;
    this.#access(
      operand,
      () => x.readVector(operand),
      (value) => {
        x.writeVector(operand, value);
        if (operand.clearsHigh) x.writeVectorHigh(operand, undefined);
      },
    );
  }

  #pair(operand: OperandOf<'vector'>): void {
    const x = this.#x;
    const low = lowHalfOf(operand);
    if (operand.access !== 'write') this.values.push(x.readVector(low), x.readVectorHigh(operand));
    if (operand.access === 'read') return;
    this.writers.push(
      (value) => x.writeVector(low, value),
      (value) => x.writeVectorHigh(operand, value),
    );
  }

  /** A write to MMi sets sign and exponent of the x87 register that it is part of (SDM 3A, 13.2). */
  #mmx(operand: OperandOf<'mmx'>, offset: Val): void {
    const e = this.#e;
    this.#access(
      operand,
      () => e.loadMemory(accessOf(operand.type).load, offset, layout.x87),
      (value) => {
        e.storeMemory('i64.store', offset, layout.x87, value);
        e.storeMemory('i32.store16', offset, layout.x87 + 8, e.i32(0xffff));
      },
    );
  }

  #memory(operand: OperandOf<'memory'>): void {
    const x = this.#x;
    const linear = x.operandAddress();
    if (operand.isAligned) this.#requireAligned(operand, linear);
    if (operand.type === 'v256') {
      this.#memoryPair(operand, linear);
      return;
    }
    if (operand.access === 'read') {
      this.values.push(x.load(operand.type, linear));
      return;
    }
    const memory: WritableMemory = x.writable(operand.type, linear, operand.access);
    this.#access(operand, memory.read, memory.write);
  }

  #requireAligned({ type }: OperandOf<'memory'>, linear: Val): void {
    if (type === 'v128') this.#x.requireAligned(linear, 16);
    else if (type === 'v256') this.#x.requireAligned(linear, 32);
  }

  /** The halves are written together, last the low one: see `emitInstruction`. */
  #memoryPair({ access }: OperandOf<'memory'>, linear: Val): void {
    if (access === 'read') {
      this.values.push(...this.#x.loadPair(linear));
      return;
    }
    let high: Val | undefined;
    this.writers.push(
      (low) => this.#x.storePair(linear, low, high as Val),
      (value) => {
        high = value;
      },
    );
  }

  #immediate(operand: OperandOf<'immediate'>): void {
    const x = this.#x;
    if (operand.encoding === 'far') this.values.push(x.immediate(32, false), x.secondImmediate());
    else if (operand.encoding === 'form' && this.#isRelative) this.values.push(x.branchForm());
    else if (this.#immediates++ === 0) {
      this.values.push(x.immediate(operand.width, operand.encoding === 'v' && operand.width === 64));
    } else this.values.push(x.secondImmediate());
  }
}
