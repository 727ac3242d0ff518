import { Decoder, type Instruction, x86OpcodeMaps } from '../isa/x86/index.ts';

const pageBytes = 4096;
const longestInstruction = 15;
/** Offsets from the entry's page fit the exits of a region (see exits.ts). */
const farthestPage = 30;

export interface PlacedInstruction {
  readonly instruction: Instruction;
  /** Of its first byte, from the first byte of the page where the region is entered. */
  readonly offset: number;
}

/** How a basic block ends. */
export type Flow = 'through' | 'behind' | 'branch' | 'jump' | 'call' | 'leave' | 'indirect' | 'dispatch';

/** Straight-line code of a region. Edges are numbers of blocks; an edge that leaves the region is missing. */
export interface RegionBlock {
  readonly instructions: readonly PlacedInstruction[];
  /** Offset behind the last instruction. */
  readonly end: number;
  readonly flow: Flow;
  readonly taken: number | undefined;
  /** For a call: where the callee returns to. */
  readonly next: number | undefined;
  /** Of a dispatching block: blocks that it may go on with, by RIP. */
  readonly targets?: readonly number[];
}

/** A page that a region has code of: how many pages behind the entry's, and its address in linear memory. */
export interface RegionPage {
  readonly index: number;
  readonly address: number;
}

/** Code that is translated as one function: blocks that reach each other by direct branches, and by returns from calls. */
export interface Region {
  /** The entry is block 0, or where several are: a block without instructions that dispatches by RIP. */
  readonly blocks: readonly RegionBlock[];
  readonly instructionCount: number;
  /** The entry's first. */
  readonly pages: readonly RegionPage[];
  /** Records of code in these pages that the region may go to, by offset: calls and exits need no look-up then. */
  readonly links: ReadonlyMap<number, number>;
}

/** Where a region's code comes from. */
export interface CodeSource {
  /** Linear memory. */
  readonly bytes: Uint8Array;
  readonly mode: number;
  /** Linear-memory address of the page so many pages behind the entry's, or -1: not known, or not to be followed. */
  pageAt(index: number): number;
  /** Whether the code at this address is worth following: it has run. */
  isWarm(address: number): boolean;
  /** The record where the block for the code at this address starts, if it is decoded. */
  recordAt(address: number): number | undefined;
  /** Whether calls may be linked to pages that the region has no code of: their mapping is checked with that of the others. */
  readonly linksFar: boolean;
}

export interface RegionLimits {
  readonly instructions: number;
  readonly pages: number;
}

const isRelative = ({ variant }: Instruction): boolean => variant?.operands.some((o) => o.kind === 'relative') ?? false;

/** What an instruction does to the flow inside a region. Branches of 16 bits leave it: they wrap at 64 KiB. */
export function flowOf(instruction: Instruction): Flow {
  const { variant } = instruction;
  if (!variant) return 'leave';
  if (!variant.row.ends) return 'through';
  if (variant.row.goesOn) return 'behind';
  if (variant.row.name === 'call_indirect') return 'call';
  if (variant.row.name === 'jmp_indirect' && variant.shape.width !== 16) return 'indirect';
  if (!isRelative(instruction) || variant.shape.width === 16) return 'leave';
  if (variant.row.name === 'call') return 'call';
  return variant.row.name === 'jmp' ? 'jump' : 'branch';
}

const behind = ({ instruction, offset }: PlacedInstruction): number => offset + instruction.length;
const targetOf = (placed: PlacedInstruction): number => behind(placed) + placed.instruction.relative;

const decoder = new Decoder(x86OpcodeMaps);
const straddle = new Uint8Array(2 * longestInstruction);

/**
 * Follows the code from `entry`, an offset in the page of index 0, and from where its indirect jumps are known to lead:
 * with such targets the region stays inside when they do.
 */
export function formRegion(
  source: CodeSource,
  entry: number,
  limits: RegionLimits,
  targets: readonly number[] = [],
): Region {
  return new RegionFormer(source, limits).form(entry, targets);
}

class RegionFormer {
  readonly #source: CodeSource;
  readonly #limits: RegionLimits;
  readonly #decoded = new Map<number, PlacedInstruction>();
  readonly #leaders = new Set<number>();
  readonly #pages = new Map<number, number>();
  readonly #links = new Map<number, number>();

  constructor(source: CodeSource, limits: RegionLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  form(entry: number, targets: readonly number[]): Region {
    const open = [entry, ...targets.filter((target) => target !== entry && this.#isWarm(target))];
    for (const leader of open) this.#leaders.add(leader);
    const entries = targets.length > 0 ? [...open] : [];
    for (let from = open.shift(); from !== undefined; from = open.shift()) {
      for (const leader of this.#straight(from)) {
        if (this.#leaders.has(leader) || !this.#isWarm(leader)) continue;
        this.#leaders.add(leader);
        open.push(leader);
      }
    }
    const blocks = dispatching(this.#split(entry), entries);
    this.#link(blocks);
    const pages = [...this.#pages].map(([index, address]) => ({ index, address }));
    return { blocks, instructionCount: this.#decoded.size, pages, links: this.#links };
  }

  /** Finds the records of what is called, and of where the region is left for. */
  #link(blocks: readonly RegionBlock[]): void {
    for (const { instructions, end, flow, taken, next } of blocks) {
      const last = instructions.at(-1);
      if (!last || flow === 'leave' || flow === 'indirect') continue;
      if (flow !== 'through' && taken === undefined && isRelative(last.instruction)) this.#linkTo(targetOf(last));
      if (flow !== 'jump' && next === undefined) this.#linkTo(end);
    }
  }

  #linkTo(offset: number): void {
    const index = offset >> 12;
    const isFar = !this.#pages.has(index);
    if (isFar && !this.#source.linksFar) return;
    const page = this.#page(index);
    const target = page < 0 ? undefined : this.#source.recordAt(page + (offset & (pageBytes - 1)));
    if (target === undefined) return;
    this.#links.set(offset, target);
    this.#pages.set(index, page);
  }

  /** Decodes up to the end of a basic block; where it may go on. */
  #straight(from: number): number[] {
    for (let at = from; !this.#decoded.has(at) && this.#decoded.size < this.#limits.instructions; ) {
      const instruction = this.#decode(at);
      if (!instruction) return [];
      const placed = { instruction, offset: at };
      this.#decoded.set(at, placed);
      const flow = flowOf(instruction);
      if (flow === 'branch') return [behind(placed), targetOf(placed)];
      if (flow === 'jump') return [targetOf(placed)];
      if (flow === 'call' || flow === 'behind') return [behind(placed)];
      if (flow === 'leave' || flow === 'indirect') return [];
      at = behind(placed);
    }
    return [];
  }

  #isWarm(offset: number): boolean {
    const page = this.#page(offset >> 12);
    return page >= 0 && this.#source.isWarm(page + (offset & (pageBytes - 1)));
  }

  /** Address of a page that the region has, or may have. */
  #page(index: number): number {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    if (Math.abs(index) > farthestPage || this.#pages.size >= this.#limits.pages) return -1;
    return this.#source.pageAt(index);
  }

  #decode(offset: number): Instruction | undefined {
    const index = offset >> 12;
    const page = this.#page(index);
    if (page < 0) return undefined;
    const { bytes, mode } = this.#source;
    const at = page + (offset & (pageBytes - 1));
    const whole = decoder.decode(bytes, at, page + pageBytes, mode);
    if (whole) {
      this.#pages.set(index, page);
      return whole;
    }
    const second = this.#page(index + 1);
    if (second < 0) return undefined;
    this.#pages.set(index, page);
    this.#pages.set(index + 1, second);
    const inFirst = page + pageBytes - at;
    straddle.set(bytes.subarray(at, at + inFirst));
    straddle.set(bytes.subarray(second, second + longestInstruction), inFirst);
    return decoder.decode(straddle, 0, straddle.length, mode);
  }

  #split(entry: number): RegionBlock[] {
    const decoded = this.#decoded;
    if (!decoded.has(entry)) return [];
    const starts = [...this.#leaders].filter((at) => decoded.has(at));
    const indexOf = new Map(starts.map((at, index) => [at, index]));
    return starts.map((start) => {
      const instructions: PlacedInstruction[] = [];
      for (let at = start; ; ) {
        const placed = decoded.get(at);
        if (!placed || (at !== start && indexOf.has(at))) return blockOf(instructions, at, 'through', indexOf);
        instructions.push(placed);
        at = behind(placed);
        const flow = flowOf(placed.instruction);
        if (flow !== 'through') return blockOf(instructions, at, flow, indexOf);
      }
    });
  }
}

/** With a block before the others that dispatches to those at these offsets, and where indirect jumps lead. */
function dispatching(blocks: readonly RegionBlock[], entries: readonly number[]): RegionBlock[] {
  if (entries.length === 0) return [...blocks];
  const moved = (edge: number | undefined): number | undefined => (edge === undefined ? undefined : edge + 1);
  const rest = blocks.map((block): RegionBlock => {
    const taken = block.flow === 'indirect' ? 0 : moved(block.taken);
    return { ...block, taken, next: moved(block.next) };
  });
  const targets = rest.flatMap(({ instructions }, i) => {
    const [first] = instructions;
    return first && entries.includes(first.offset) ? [i + 1] : [];
  });
  return [{ instructions: [], end: 0, flow: 'dispatch', taken: undefined, next: undefined, targets }, ...rest];
}

function blockOf(
  instructions: readonly PlacedInstruction[],
  end: number,
  flow: Flow,
  indexOf: ReadonlyMap<number, number>,
): RegionBlock {
  const last = instructions.at(-1);
  const taken = last && (flow === 'branch' || flow === 'jump') ? indexOf.get(targetOf(last)) : undefined;
  const next = flow === 'jump' || flow === 'leave' || flow === 'indirect' ? undefined : indexOf.get(end);
  return { instructions, end, flow, taken, next };
}
