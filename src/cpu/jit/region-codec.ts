import { cachedDecoder, type Instruction, noRegister } from '../isa/x86/index.ts';
import type { Flow, InlinedCall, PlacedInstruction, Region, RegionBlock, RegionPage } from './region.ts';
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
  add({ region, place, entries, known }: PlacedRegion, memory: Uint8Array): void {
    this.#put(place.mode, place.slot, place.isFinal ? 1 : 0, known.profiles);
    this.#list(known.targets, (target) => this.#put(target));
    this.#list(known.callTargets, (target) => this.#put(target));
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

/** A packed region whose instructions are not decoded. */
export interface RawRegion extends Omit<PlacedRegion, 'region'>, Omit<Region, 'blocks' | 'links'> {
  readonly blocks: readonly RawBlock[];
  /** Offsets of the code that it leads to, and the records there. */
  readonly links: readonly (readonly [offset: number, record: number])[];
}

export interface RawBlock extends Omit<RegionBlock, 'instructions'> {
  /** Offset of its first instruction. */
  readonly start: number;
  /** The guest's code from there on is in `PackedRegions.code`, from here on. */
  readonly codeAt: number;
  /** Its last instruction, when that raises a fault instead of being executed; of length 0 when it does not. */
  readonly illegal: { readonly length: number; readonly fault: number | undefined };
}

/** The regions again, with their instructions decoded. */
export function unpackRegions(packed: PackedRegions): PlacedRegion[] {
  const decoder = new CodeDecoder(packed.code);
  return readRegions(packed).map(({ place, entries, known, blocks, links, ...rest }) => {
    const decoded = blocks.map(({ start, codeAt, illegal, ...block }) => ({
      ...block,
      instructions: decoder.decode({ start, codeAt, illegal, end: block.end }, place.mode),
    }));
    return { region: { ...rest, blocks: decoded, links: new Map(links) }, place, entries, known };
  });
}

/** The regions without their instructions. Throws RangeError when there is none of a word that should be there. */
export function readRegions(packed: PackedRegions): RawRegion[] {
  const reader = new RegionReader(packed.words);
  const regions: RawRegion[] = [];
  while (!reader.isAtEnd) regions.push(reader.next());
  return regions;
}

class RegionReader {
  readonly #words: Int32Array;
  #at = 0;
  #codeAt = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  next(): RawRegion {
    const place = { mode: this.#word(), slot: this.#word(), isFinal: this.#word() !== 0 };
    const profiles = this.#word();
    const known = {
      profiles,
      targets: this.#list(() => this.#word()) ?? [],
      callTargets: this.#list(() => this.#word()),
    };
    const entries = this.#list(
      (): DispatchEntry => ({ page: this.#word(), pageOffset: this.#word(), is64: this.#word() !== 0 }),
    );
    const [instructionCount, inlinedCount] = [this.#word(), this.#word()];
    const page = (): RegionPage => ({ index: this.#word(), address: this.#word() >>> 0 });
    const pages = this.#list(page) ?? [];
    const farPages = this.#list(page) ?? [];
    const links = this.#list((): [number, number] => [this.#word(), this.#word() >>> 0]) ?? [];
    const blocks = this.#list(() => this.#block()) ?? [];
    return { place, entries, known, instructionCount, inlinedCount, pages, farPages, links, blocks };
  }

  #block(): RawBlock {
    const [start, end] = [this.#word(), this.#word()];
    const flow = flows[this.#word()] ?? 'leave';
    const [taken, next, returnsTo] = [this.#optional(), this.#optional(), this.#optional()];
    const illegal = { length: this.#word(), fault: this.#optional() };
    const targets = this.#list(() => this.#word());
    const inlined = this.#list(
      (): InlinedCall => ({ offset: this.#word(), entry: this.#word(), isFar: this.#word() !== 0 }),
    );
    const codeAt = this.#codeAt;
    this.#codeAt += end - start;
    return {
      ...{ start, codeAt, illegal, end, flow, taken, next },
      ...(targets && { targets }),
      ...(inlined && { inlined }),
      ...(returnsTo !== undefined && { returnsTo }),
    };
  }

  #list<T>(next: () => T): T[] | undefined {
    const length = this.#optional();
    if (length === undefined) return undefined;
    if (length < 0 || length > this.#words.length) throw new RangeError(`Cannot unpack a region: a list of ${length}`);
    return Array.from({ length }, next);
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

class CodeDecoder {
  readonly #code: Uint8Array;
  readonly #codeEnd: number;

  constructor(code: Uint8Array) {
    this.#codeEnd = code.length;
    this.#code = new Uint8Array(code.length + decoderReach + 1);
    this.#code.set(code);
  }

  decode(
    { start, end, codeAt, illegal }: Pick<RawBlock, 'start' | 'end' | 'codeAt' | 'illegal'>,
    mode: number,
  ): PlacedInstruction[] {
    const instructions: PlacedInstruction[] = [];
    const base = codeAt - start;
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
    return instructions;
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
