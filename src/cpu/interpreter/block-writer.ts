import {
  type EffectiveAddress,
  type Instruction,
  layout,
  modeKey,
  noRegister,
  ripBase,
  segment,
  type Variant,
} from '../isa/x86/index.ts';
import { type HandlerTable, type SpecialHandler, specialIndex } from './handler-table.ts';
import type { FoundBlock } from './kept-blocks.ts';
import { link, record } from './record.ts';

const accessKinds = { read: 0, write: 1, 'read-write': 2 } as const;
const noErrorCode = -1;

/** Where an instruction lies. */
export interface Position {
  /** Offset of its first byte in its page. */
  readonly pageOffset: number;
  /** One for the first instruction of the basic block. */
  readonly count: number;
  readonly mode: number;
}

/** Packs decoded instructions into records. */
export class BlockWriter {
  readonly #table: HandlerTable;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #view: DataView;
  /** Called before the first record of a further handler is written. */
  needsFurther: (() => void) | undefined;
  /** Address of the next record. */
  at = 0;

  constructor(table: HandlerTable, memory: WebAssembly.Memory) {
    this.#table = table;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Appends an instruction: address arithmetic first, where its memory operand needs more than base and displacement. */
  instruction(instruction: Instruction, position: Position): void {
    const { variant } = instruction;
    if (!variant) {
      const errorCode = instruction.fault === 13 ? 0 : noErrorCode;
      this.#special('fault', position, instruction.length, { r1: instruction.fault ?? 6, displacement: errorCode });
      return;
    }
    const operand = instruction.memory && this.#memoryOperand(instruction, variant, position);
    const handler = this.#table.indexOf(variant);
    if (this.needsFurther && handler >= this.#table.firstFurther) this.#prepareFurther();
    const at = this.#begin(handler, position, instruction.length);
    if (operand) {
      this.#bytes[at + record.r3] = operand.base;
      this.#view.setInt32(at + record.displacement, operand.displacement, true);
    }
    this.#operands(instruction, variant, at, position);
  }

  /** Appends the records of a whole block that were written before; how many instructions it has. */
  copy({ records, recordsAt, recordWords }: FoundBlock): number {
    const to = this.at >> 2;
    for (let i = 0; i < recordWords; i++) this.#words[to + i] = records[recordsAt + i] as number;
    this.at += 4 * recordWords;
    if (this.needsFurther) this.#checkFurther(this.at - 4 * recordWords);
    return this.#bytes[this.at - record.bytes + record.count] as number;
  }

  /** The words of the records from an address on. */
  recordsFrom(start: number): Int32Array {
    return this.#words.subarray(start >> 2, this.at >> 2);
  }

  #checkFurther(start: number): void {
    for (let at = start; at < this.at; at += record.bytes) {
      if (this.#view.getUint16(at + record.handler, true) >= this.#table.firstFurther) this.#prepareFurther();
    }
  }

  #prepareFurther(): void {
    this.needsFurther?.();
    this.needsFurther = undefined;
  }

  /** Ends a block: what runs next is the instruction at `pageOffset`. */
  continuation(position: Position): void {
    const at = this.#begin(specialIndex('continue'), position, 0);
    this.#view.setInt32(at + record.displacement, position.pageOffset, true);
    this.#view.setInt32(at + record.immediate, position.pageOffset < 4096 ? link.unknown : link.lookup, true);
  }

  /** Sets how often the block that begins with a counter is to be entered. */
  setCounter(start: number, entries: number): void {
    this.#view.setUint32(start + record.immediate, entries, true);
  }

  /** Counts entries of the block that begins here. */
  counter(position: Position, entries: number): void {
    this.#special('count', position, 0, { immediate: entries });
  }

  /** Checks the second page of the page-crossing instruction that follows. */
  crossing(position: Position, secondPage: number): void {
    this.#special('crossing', position, 0, { immediate: secondPage });
  }

  #begin(handler: number, position: Position, length: number): number {
    const at = this.at;
    this.at += record.bytes;
    for (let word = at >> 2; word < this.at >> 2; word++) this.#words[word] = 0;
    this.#view.setUint16(at + record.handler, handler, true);
    this.#view.setUint16(at + record.position, (position.pageOffset & 0xfff) | (length << 12), true);
    this.#bytes[at + record.count] = position.count;
    return at;
  }

  #special(
    name: SpecialHandler,
    position: Position,
    length: number,
    fields: { r1?: number; r2?: number; r3?: number; displacement?: number; immediate?: number },
  ): void {
    const at = this.#begin(specialIndex(name), position, length);
    this.#bytes[at + record.r1] = fields.r1 ?? 0;
    this.#bytes[at + record.r2] = fields.r2 ?? 0;
    this.#bytes[at + record.r3] = fields.r3 ?? 0;
    this.#view.setInt32(at + record.displacement, fields.displacement ?? 0, true);
    this.#view.setInt32(at + record.immediate, fields.immediate ?? 0, true);
  }

  #operands(instruction: Instruction, variant: Variant, at: number, position: Position): void {
    let immediates = 0;
    for (const operand of variant.operands) {
      switch (operand.kind) {
        case 'register': {
          const offset = registerOffset(instruction.registers[operand.source], operand.width, instruction.hasRex);
          this.#bytes[at + record[operand.field]] = offset;
          break;
        }
        case 'vector':
          this.#bytes[at + record[operand.field]] = instruction.registers[operand.source] * 16;
          break;
        case 'mmx':
          this.#bytes[at + record[operand.field]] = (instruction.registers[operand.source] & 7) * 16;
          break;
        case 'number': {
          const number = instruction.registers[operand.source];
          this.#bytes[at + record[operand.field]] = variant.row.operands.includes('S') ? number & 7 : number;
          break;
        }
        case 'immediate':
          if (operand.encoding === 'form' && variant.operands.some((o) => o.kind === 'relative')) {
            this.#bytes[at + record.r1] = Number(instruction.immediates[immediates]) & 0xff;
          } else this.#immediate(at, instruction.immediates, immediates, operand.encoding);
          immediates++;
          break;
        case 'relative':
          this.#branch(instruction, variant, at, position);
          break;
        case 'memory':
        case 'address':
        case 'untouched':
          break;
        default: {
          const unknown: never = operand;
          throw new RangeError(`Cannot pack operand ${String(unknown)}`);
        }
      }
    }
  }

  #immediate(at: number, immediates: readonly (number | bigint)[], index: number, encoding: string): void {
    const value = immediates[index] ?? 0;
    if (encoding === 'far') {
      this.#view.setInt32(at + record.immediate, Number(value), true);
      this.#view.setInt32(at + record.displacement, Number(immediates[index + 1] ?? 0), true);
    } else if (typeof value === 'bigint') this.#view.setBigInt64(at + record.displacement, value, true);
    else this.#view.setInt32(at + (index === 0 ? record.immediate : record.displacement), value, true);
  }

  #branch(instruction: Instruction, variant: Variant, at: number, position: Position): void {
    const target = position.pageOffset + instruction.length + instruction.relative;
    // A branch of 16 bits wraps at 64 KiB, which links within a page do not know.
    const isNear = target >= 0 && target < 4096 && variant.shape.width !== 16;
    this.#view.setInt32(at + record.displacement, target, true);
    this.#view.setInt32(at + record.immediate, isNear ? link.unknown : link.lookup, true);
  }

  /** Base and displacement of the record, after whatever address records it takes. */
  #memoryOperand(
    instruction: Instruction,
    variant: Variant,
    position: Position,
  ): { base: number; displacement: number } | undefined {
    const memory = instruction.memory as EffectiveAddress;
    const operand = variant.operands.find((o) => o.kind === 'memory' || o.kind === 'address');
    if (!operand) return undefined;
    const viaTemporary = { base: layout.ea, displacement: 0 };
    const isAddressOnly = operand.kind === 'address' && !operand.isLinear;
    const is64 = (position.mode & modeKey.codeMask) === modeKey.code64;
    const displacement = popAdjusted(memory, variant);
    if (typeof displacement === 'bigint') {
      this.#direct(memory, displacement, position);
      return viaTemporary;
    }
    const rip = position.pageOffset + instruction.length;
    if (!isAddressOnly && !is64 && !isFlat(memory, position.mode)) {
      const size = operand.kind === 'memory' ? accessBytes(operand.type) : operand.bytes;
      const kind = accessKinds[operand.access];
      const is16 = memory.addressBits === 16 ? 4 : 0;
      const immediate = memory.scale | is16 | (kind << 8) | (size << 16);
      this.#special('addressSegment', position, 0, {
        ...this.#parts(memory, displacement),
        r2: memory.segment,
        immediate,
      });
      return viaTemporary;
    }
    const usesBase = is64 && !isAddressOnly && memory.segment >= segment.fs;
    const isPlain = memory.index === noRegister && !usesBase && memory.addressBits === (is64 ? 64 : 32);
    const total = memory.base === ripBase ? displacement + rip : displacement;
    if (isPlain && total === (total | 0)) return { base: baseOffset(memory.base), displacement: total };
    const name = memory.addressBits === 16 ? 'address16' : memory.addressBits === 32 && is64 ? 'address32' : 'address';
    const r2 = usesBase ? layout.segmentBase + 8 * memory.segment : layout.zero;
    const ripPart = memory.base === ripBase ? rip : 0;
    const fits = displacement + ripPart === ((displacement + ripPart) | 0);
    const inRecord = fits ? displacement + ripPart : displacement;
    this.#special(name, position, 0, { ...this.#parts(memory, inRecord), r2, immediate: memory.scale });
    return { base: layout.ea, displacement: fits ? 0 : ripPart };
  }

  #parts(memory: EffectiveAddress, displacement: number): { r1: number; r3: number; displacement: number } {
    const r1 = memory.index === noRegister ? layout.zero : memory.index * 8;
    return { r1, r3: baseOffset(memory.base), displacement };
  }

  #direct(memory: EffectiveAddress, displacement: bigint, position: Position): void {
    const at = this.#begin(specialIndex('addressDirect'), position, 0);
    this.#bytes[at + record.r2] = memory.segment >= segment.fs ? layout.segmentBase + 8 * memory.segment : layout.zero;
    this.#view.setBigInt64(at + record.displacement, displacement, true);
  }
}

const baseOffset = (base: number): number => {
  if (base === noRegister) return layout.zero;
  return base === ripBase ? layout.codePage : base * 8;
};

/** AH, CH, DH and BH are the second bytes of the first four registers. */
function registerOffset(number: number, width: number, hasRex: boolean): number {
  return width === 8 && !hasRex && number >= 4 && number < 8 ? (number - 4) * 8 + 1 : number * 8;
}

/** POP to memory computes its address with the stack pointer after the pop (SDM 2B, POP). */
function popAdjusted(memory: EffectiveAddress, variant: Variant): number | bigint {
  const isPop = variant.row.name === 'pop_mem' && memory.base === 4 && typeof memory.displacement === 'number';
  return isPop ? Number(memory.displacement) + variant.shape.width / 8 : memory.displacement;
}

/** ES, SS and DS start at zero and have no limit; addresses are 32 bits. */
const isFlat = (memory: EffectiveAddress, mode: number): boolean =>
  (mode & modeKey.flat) !== 0 &&
  memory.segment !== segment.cs &&
  memory.segment < segment.fs &&
  memory.addressBits === 32;

function accessBytes(type: number | string): number {
  if (typeof type === 'number') return type / 8;
  if (type === 'v256') return 32;
  return type === 'v128' ? 16 : type === 'f64' || type === 'v128.low64' ? 8 : 4;
}
