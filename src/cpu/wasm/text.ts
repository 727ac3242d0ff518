import { memoryOpcodes, opcodes } from './opcodes.ts';

/** One instruction of a function's code. */
export interface WasmLine {
  /** Of its first byte, in the code. */
  readonly at: number;
  /** Blocks, loops and ifs that it is in. */
  readonly depth: number;
  readonly text: string;
}

type Immediate = 'u32' | 'i32' | 'i64' | 'type' | 'lane' | 'indirect' | 'labels';
const plain: Readonly<Record<number, readonly [string, Immediate?]>> = {
  0: ['unreachable'],
  2: ['block', 'type'],
  3: ['loop', 'type'],
  4: ['if', 'type'],
  5: ['else'],
  11: ['end'],
  12: ['br', 'u32'],
  13: ['br_if', 'u32'],
  14: ['br_table', 'labels'],
  15: ['return'],
  16: ['call', 'u32'],
  17: ['call_indirect', 'indirect'],
  18: ['return_call', 'u32'],
  19: ['return_call_indirect', 'indirect'],
  26: ['drop'],
  27: ['select'],
  32: ['local.get', 'u32'],
  33: ['local.set', 'u32'],
  34: ['local.tee', 'u32'],
  65: ['i32.const', 'i32'],
  66: ['i64.const', 'i64'],
};
const valueTypes: Readonly<Record<number, string>> = {
  64: '',
  127: ' (result i32)',
  126: ' (result i64)',
  125: ' (result f32)',
  124: ' (result f64)',
  123: ' (result v128)',
};

const keyOf = (code: readonly number[]): string => code.join(' ');
const numeric = new Map([...opcodes].map(([name, { code, lane }]) => [keyOf(code), { name, lane: lane === true }]));
const memory = new Map(Object.entries(memoryOpcodes).map(([name, { code }]) => [keyOf(code), name]));

/** The text of code that `FunctionBody` wrote (core specification, 6.5, folded no further than by indentation). */
export function wasmText(code: Uint8Array): WasmLine[] {
  const reader = new CodeReader(code);
  const lines: WasmLine[] = [];
  let depth = 0;
  while (!reader.isAtEnd) {
    const { at } = reader;
    const text = reader.instruction();
    const [word = ''] = text.split(' ');
    if (word === 'end' || word === 'else') depth--;
    lines.push({ at, depth, text });
    if (['block', 'loop', 'if', 'else'].includes(word)) depth++;
  }
  return lines;
}

class CodeReader {
  readonly #code: Uint8Array;
  at = 0;

  constructor(code: Uint8Array) {
    this.#code = code;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#code.length;
  }

  instruction(): string {
    const first = this.#byte();
    const entry = plain[first];
    if (entry) return entry[0] + (entry[1] ? this.#immediate(entry[1]) : '');
    return first === 0xfc || first === 0xfd ? this.#prefixed(first) : this.#table([first]);
  }

  #prefixed(prefix: number): string {
    const from = this.at;
    const number = Number(this.#leb(false));
    const code = [prefix, ...this.#code.subarray(from, this.at)];
    if (prefix === 0xfd && number === 12) return `v128.const i8x16 ${this.#bytes(16).join(' ')}`;
    if (prefix === 0xfd && number === 13) return `i8x16.shuffle ${this.#bytes(16).join(' ')}`;
    if (prefix === 0xfc && number === 10) return this.#skip(2, 'memory.copy');
    if (prefix === 0xfc && number === 11) return this.#skip(1, 'memory.fill');
    return this.#table(code);
  }

  #table(code: readonly number[]): string {
    const key = keyOf(code);
    const access = memory.get(key);
    if (access !== undefined) {
      this.#byte(); // Alignment.
      return `${access} offset=0x${this.#leb(false).toString(16)}`;
    }
    const found = numeric.get(key);
    if (!found) throw new RangeError(`Cannot show Wasm: ${key} is no opcode of ours`);
    return found.name + (found.lane ? ` ${this.#byte()}` : '');
  }

  #immediate(kind: Immediate): string {
    if (kind === 'type') return valueTypes[this.#byte()] ?? '';
    if (kind === 'labels') {
      const count = Number(this.#leb(false));
      return ` ${Array.from({ length: count + 1 }, () => this.#leb(false)).join(' ')}`;
    }
    if (kind === 'indirect') {
      const type = this.#leb(false);
      this.#byte(); // The table.
      return ` (type ${type})`;
    }
    return ` ${this.#leb(kind !== 'u32')}`;
  }

  #leb(isSigned: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte & 0x80) continue;
      return isSigned ? BigInt.asIntN(Number(shift) + 7, value) : value;
    }
  }

  #skip(count: number, text: string): string {
    this.#bytes(count);
    return text;
  }

  #bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.#byte());
  }

  #byte(): number {
    return this.#code[this.at++] ?? 0;
  }
}
