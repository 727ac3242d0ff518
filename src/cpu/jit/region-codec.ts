import { cachedDecoder, type Instruction, noRegister } from '../isa/x86/index.ts';
import type { Flow, InlinedCall, PlacedInstruction, RegionBlock, RegionPage } from './region.ts';
import type { DispatchEntry, PlacedRegion } from './region-module.ts';

const pageBytes = 4096;
/** What the decoder may look at behind an instruction. */
const decoderReach = 15;
/** Stands for a number that is missing. */
const none = -0x8000_0000;

const flows: readonly Flow[] = [
  'through',
  'behind',
  'branch',
  'jump',
  'call',
  'return',
  'leave',
  'indirect',
  'dispatch',
];

/** Regions as numbers and bytes of guest code: what goes to another thread cheaply. */
export interface PackedRegions {
  readonly words: Int32Array<ArrayBuffer>;
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Packs regions; the instructions themselves are left to be decoded again. */
export class RegionPacker {
  #words = new Int32Array(1 << 12);
  #wordCount = 0;
  #code = new Uint8Array(1 << 12);
  #codeCount = 0;

  /** `memory`: where the guest's code is. */
  add({ region, place, entries }: PlacedRegion, memory: Uint8Array): void {
    this.#put(place.mode, place.slot, place.isFinal ? 1 : 0);
    this.#list(entries, ({ page, pageOffset, is64 }) => this.#put(page, pageOffset, is64 ? 1 : 0));
    this.#put(region.instructionCount, region.inlinedCount);
    const putPage = ({ index, address }: RegionPage): void => this.#put(index, address);
    this.#list(region.pages, putPage);
    this.#list(region.farPages, putPage);
    this.#list([...region.links], ([offset, record]) => this.#put(offset, record));
    const addressOf = new Map([...region.farPages, ...region.pages].map(({ index, address }) => [index, address]));
    this.#list(region.blocks, (block) => {
      this.#putBlock(block);
      this.#copy(block, addressOf, memory);
    });
  }

  /** What was packed; nothing can be added then. */
  finish(): PackedRegions {
    return { words: this.#words.slice(0, this.#wordCount), code: this.#code.slice(0, this.#codeCount) };
  }

  #putBlock({ instructions, end, flow, taken, next, targets, inlined, returnsTo }: RegionBlock): void {
    const start = instructions[0]?.offset ?? end;
    this.#put(start, end, flows.indexOf(flow), taken ?? none, next ?? none, returnsTo ?? none);
    const last = instructions.at(-1)?.instruction;
    const isIllegal = last !== undefined && !last.variant;
    this.#put(isIllegal ? last.length : 0, isIllegal ? (last.fault ?? none) : none);
    this.#list(targets, (target) => this.#put(target));
    this.#list(inlined, ({ offset, entry, isFar }) => this.#put(offset, entry, isFar ? 1 : 0));
  }

  #copy({ instructions, end }: RegionBlock, addressOf: ReadonlyMap<number, number>, memory: Uint8Array): void {
    for (let at = instructions[0]?.offset ?? end; at < end; ) {
      const address = addressOf.get(at >> 12);
      if (address === undefined) throw new RangeError(`Cannot pack a region: it has no page ${at >> 12}`);
      const length = Math.min(end, ((at >> 12) + 1) * pageBytes) - at;
      const from = address + (at & (pageBytes - 1));
      this.#bytes(memory.subarray(from, from + length));
      at += length;
    }
  }

  #bytes(bytes: Uint8Array): void {
    const count = this.#codeCount + bytes.length;
    if (count > this.#code.length) {
      const larger = new Uint8Array(2 * count);
      larger.set(this.#code);
      this.#code = larger;
    }
    this.#code.set(bytes, this.#codeCount);
    this.#codeCount = count;
  }

  /** Its length, then its elements. A list that is missing is another than one without elements. */
  #list<T>(list: readonly T[] | undefined, put: (element: T) => void): void {
    this.#put(list ? list.length : none);
    for (const element of list ?? []) put(element);
  }

  #put(...words: readonly number[]): void {
    if (this.#wordCount + words.length > this.#words.length) {
      const larger = new Int32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (const word of words) this.#words[this.#wordCount++] = word;
  }
}

/** The regions again, with their instructions decoded. */
export function unpackRegions(packed: PackedRegions): PlacedRegion[] {
  const reader = new RegionReader(packed);
  const placed: PlacedRegion[] = [];
  while (!reader.isAtEnd) placed.push(reader.next());
  return placed;
}

class RegionReader {
  readonly #words: Int32Array;
  readonly #code: Uint8Array;
  readonly #codeEnd: number;
  #at = 0;
  #codeAt = 0;

  constructor({ words, code }: PackedRegions) {
    this.#words = words;
    this.#codeEnd = code.length;
    this.#code = new Uint8Array(code.length + decoderReach + 1);
    this.#code.set(code);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  next(): PlacedRegion {
    const place = { mode: this.#word(), slot: this.#word(), isFinal: this.#word() !== 0 };
    const entries = this.#list(
      (): DispatchEntry => ({ page: this.#word(), pageOffset: this.#word(), is64: this.#word() !== 0 }),
    );
    const [instructionCount, inlinedCount] = [this.#word(), this.#word()];
    const page = (): RegionPage => ({ index: this.#word(), address: this.#word() >>> 0 });
    const pages = this.#list(page) ?? [];
    const farPages = this.#list(page) ?? [];
    const links = new Map(this.#list((): [number, number] => [this.#word(), this.#word() >>> 0]));
    const blocks = this.#list(() => this.#block(place.mode)) ?? [];
    return { region: { blocks, instructionCount, inlinedCount, pages, links, farPages }, place, entries };
  }

  #block(mode: number): RegionBlock {
    const [start, end] = [this.#word(), this.#word()];
    const flow = flows[this.#word()] ?? 'leave';
    const [taken, next, returnsTo] = [this.#optional(), this.#optional(), this.#optional()];
    const illegal = { length: this.#word(), fault: this.#optional() };
    const targets = this.#list(() => this.#word());
    const inlined = this.#list(
      (): InlinedCall => ({ offset: this.#word(), entry: this.#word(), isFar: this.#word() !== 0 }),
    );
    const instructions = this.#decode(start, end, illegal, mode);
    return {
      ...{ instructions, end, flow, taken, next },
      ...(targets && { targets }),
      ...(inlined && { inlined }),
      ...(returnsTo !== undefined && { returnsTo }),
    };
  }

  #decode(
    start: number,
    end: number,
    illegal: { readonly length: number; readonly fault: number | undefined },
    mode: number,
  ): PlacedInstruction[] {
    const instructions: PlacedInstruction[] = [];
    const base = this.#codeAt - start;
    const legalEnd = end - illegal.length;
    let offset = start;
    while (offset < legalEnd) {
      const instruction = cachedDecoder.decode(this.#code, base + offset, this.#code.length, mode);
      if (!instruction || base + offset + instruction.length > this.#codeEnd) {
        throw new RangeError(`Cannot unpack a region: there is no instruction at offset ${offset}`);
      }
      instructions.push({ instruction, offset });
      offset += instruction.length;
    }
    if (illegal.length > 0) instructions.push({ instruction: illegalInstruction(illegal), offset });
    this.#codeAt = base + end;
    return instructions;
  }

  #list<T>(next: () => T): T[] | undefined {
    const length = this.#optional();
    return length === undefined ? undefined : Array.from({ length }, next);
  }

  #optional(): number | undefined {
    const word = this.#word();
    return word === none ? undefined : word;
  }

  #word(): number {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new RangeError('Cannot unpack a region: it ends too early');
    return word;
  }
}

/** What raises a fault instead of being executed: nothing else of it matters. */
const illegalInstruction = ({ length, fault }: { length: number; fault: number | undefined }): Instruction => ({
  variant: undefined,
  fault,
  length,
  registers: {
    rm: noRegister,
    reg: noRegister,
    opcode: noRegister,
    accumulator: 0,
    vex: noRegister,
    immediate: noRegister,
  },
  hasRex: false,
  memory: undefined,
  immediates: [],
  relative: 0,
});
