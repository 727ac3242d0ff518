import { cachedDecoder, type Instruction } from '../isa/x86/index.ts';

const pageBytes = 4096;
const longestInstruction = 15;
/** Offsets from the entry's page fit the exits of a region (see exits.ts). */
const farthestPage = 30;
const mostFarPages = 24;

export interface PlacedInstruction {
  readonly instruction: Instruction;
  /** Of its first byte, from the first byte of the page where the region is entered. */
  readonly offset: number;
}

/** How a basic block ends. */
export type Flow = 'through' | 'behind' | 'branch' | 'jump' | 'call' | 'return' | 'leave' | 'indirect' | 'dispatch';

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
  /** Of a call: callees of which the region has a copy for it. */
  readonly inlined?: readonly InlinedCall[];
  /** Of a return in such a copy: the offset where the call's `next` begins. */
  readonly returnsTo?: number;
}

export interface InlinedCall {
  /** Of the callee. */
  readonly offset: number;
  /** Its first block. */
  readonly entry: number;
  /** Whether its page is mapped as it was must be asked first. */
  readonly isFar: boolean;
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
  /** Of these, instructions in copies of callees. */
  readonly inlinedCount: number;
  /** The entry's first. */
  readonly pages: readonly RegionPage[];
  /** Records of code in these and in `farPages` that the region may go to, by offset: calls and exits need no look-up then. */
  readonly links: ReadonlyMap<number, number>;
  /** Pages that the region has no code of: whether they are mapped as they were is found out where it goes there. */
  readonly farPages: readonly RegionPage[];
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
  /** Whether pages that the region only leads to are checked when it is entered, with those that it has code of. */
  readonly verifiesFar: boolean;
}

export interface RegionLimits {
  readonly instructions: number;
  readonly pages: number;
}

/** What is copied into a region that has proved hot. */
export interface Inlining {
  /** Instructions of all copies, and of one. */
  readonly instructions: number;
  readonly calleeInstructions: number;
  /** Offsets that its indirect calls are known to lead to. */
  readonly callTargets: readonly number[];
}

/** Copies inside of copies: how deep. */
const deepestInlining = 2;
const mostIndirectCallees = 3;

const isRelative = ({ variant }: Instruction): boolean => variant?.operands.some((o) => o.kind === 'relative') ?? false;

const isNearReturn = (name: string): boolean => name === 'ret' || name === 'ret_imm';

/** What an instruction does to the flow inside a region. Branches of 16 bits leave it: they wrap at 64 KiB. */
export function flowOf(instruction: Instruction): Flow {
  const { variant } = instruction;
  if (!variant) return 'leave';
  if (!variant.row.ends) return 'through';
  if (variant.row.goesOn) return 'behind';
  if (variant.row.name === 'call_indirect') return 'call';
  if (isNearReturn(variant.row.name) && variant.shape.width !== 16) return 'return';
  if (variant.row.name === 'jmp_indirect' && variant.shape.width !== 16) return 'indirect';
  if (!isRelative(instruction) || variant.shape.width === 16) return 'leave';
  if (variant.row.name === 'call') return 'call';
  return variant.row.name === 'jmp' ? 'jump' : 'branch';
}

const behind = ({ instruction, offset }: PlacedInstruction): number => offset + instruction.length;
const targetOf = (placed: PlacedInstruction): number => behind(placed) + placed.instruction.relative;

const straddle = new Uint8Array(2 * longestInstruction);

/**
 * Follows the code from `entry`, an offset in the page of index 0, and from where its indirect jumps are known to lead:
 * with such targets the region stays inside when they do.
 */
export function formRegion(
  source: CodeSource,
  entry: number,
  limits: RegionLimits,
  { targets = [], inlining }: { readonly targets?: readonly number[]; readonly inlining?: Inlining | undefined } = {},
): Region {
  return new RegionFormer(source, limits).form(entry, targets, inlining);
}

/** A callee's blocks, its first one first. */
interface Callee {
  readonly blocks: readonly RegionBlock[];
  readonly instructionCount: number;
  readonly isFar: boolean;
}

class RegionFormer {
  readonly #source: CodeSource;
  readonly #limits: RegionLimits;
  /** Of the region itself, or of the callee that is being decoded. */
  #decoded = new Map<number, PlacedInstruction>();
  #leaders = new Set<number>();
  #mostInstructions: number;
  /** The callee is not in the region's pages. */
  #isFar = false;
  readonly #callees = new Map<number, Callee | undefined>();
  readonly #pages = new Map<number, number>();
  readonly #farPages = new Map<number, number>();
  readonly #links = new Map<number, number>();

  constructor(source: CodeSource, limits: RegionLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#mostInstructions = limits.instructions;
  }

  form(entry: number, targets: readonly number[], inlining: Inlining | undefined): Region {
    const open = [entry, ...targets.filter((target) => target !== entry && this.#isWarm(target))];
    const entries = targets.length > 0 ? [...open] : [];
    this.#follow(open);
    const blocks = dispatching(this.#split(entry), entries);
    const instructionCount = this.#decoded.size;
    const inlined = inlining ? this.#inline(blocks, inlining) : 0;
    this.#link(blocks);
    const listed = (pages: ReadonlyMap<number, number>): RegionPage[] =>
      [...pages].map(([index, address]) => ({ index, address }));
    return {
      blocks,
      instructionCount: instructionCount + inlined,
      inlinedCount: inlined,
      pages: listed(this.#pages),
      links: this.#links,
      farPages: listed(this.#farPages),
    };
  }

  /** Decodes from these offsets on, and wherever that leads. */
  #follow(open: number[]): void {
    for (const leader of open) this.#leaders.add(leader);
    for (let from = open.shift(); from !== undefined; from = open.shift()) {
      for (const leader of this.#straight(from)) {
        if (this.#leaders.has(leader) || !this.#isWarm(leader)) continue;
        this.#leaders.add(leader);
        open.push(leader);
      }
    }
  }

  /** Adds copies of callees behind the blocks, for calls whose return stays in the region; instructions of the copies. */
  #inline(blocks: RegionBlock[], { instructions, calleeInstructions, callTargets }: Inlining): number {
    let left = instructions;
    const depths = new Map<number, number>();
    for (let at = 0; at < blocks.length; at++) {
      const block = blocks[at] as RegionBlock;
      const depth = depths.get(at) ?? 0;
      if (block.flow !== 'call' || block.next === undefined || depth >= deepestInlining) continue;
      const last = block.instructions.at(-1) as PlacedInstruction;
      const isDirect = isRelative(last.instruction);
      const inlined: InlinedCall[] = [];
      for (const offset of isDirect ? [targetOf(last)] : callTargets) {
        if (inlined.length >= mostIndirectCallees) break;
        const callee = this.#callee(offset, calleeInstructions);
        if (!callee || callee.instructionCount > left) continue;
        left -= callee.instructionCount;
        const entry = blocks.length;
        inlined.push({ offset, entry, isFar: callee.isFar });
        for (const copied of callee.blocks) {
          depths.set(blocks.length, depth + 1);
          blocks.push(copyOf(copied, entry, block));
        }
      }
      if (inlined.length === 0) continue;
      // A call whose callee is known and there is never made.
      const isNeverMade = isDirect && !inlined[0]?.isFar;
      blocks[at] = { ...block, inlined, next: isNeverMade ? undefined : block.next };
    }
    return instructions - left;
  }

  /** The code of a callee, when all of it that is warm is small and returns. */
  #callee(offset: number, limit: number): Callee | undefined {
    if (this.#callees.has(offset)) return this.#callees.get(offset);
    const saved = { decoded: this.#decoded, leaders: this.#leaders };
    [this.#decoded, this.#leaders] = [new Map(), new Set()];
    this.#mostInstructions = limit + 1;
    this.#isFar = !this.#pages.has(offset >> 12) && !this.#source.verifiesFar;
    let callee: Callee | undefined;
    if (this.#isWarm(offset)) {
      this.#follow([offset]);
      const blocks = this.#split(offset);
      const instructionCount = this.#decoded.size;
      const returns = blocks.some(({ flow }) => flow === 'return');
      if (returns && instructionCount <= limit) callee = { blocks, instructionCount, isFar: this.#isFar };
    }
    [this.#decoded, this.#leaders] = [saved.decoded, saved.leaders];
    this.#isFar = false;
    this.#callees.set(offset, callee);
    return callee;
  }

  /** Finds the records of what is called, and of where the region is left for. */
  #link(blocks: readonly RegionBlock[]): void {
    for (const { instructions, end, flow, taken, next } of blocks) {
      const last = instructions.at(-1);
      if (!last || flow === 'leave' || flow === 'indirect' || flow === 'return') continue;
      if (flow !== 'through' && taken === undefined && isRelative(last.instruction)) this.#linkTo(targetOf(last));
      if (flow !== 'jump' && next === undefined) this.#linkTo(end);
    }
  }

  #linkTo(offset: number): void {
    const index = offset >> 12;
    const isFar = !this.#pages.has(index) && !this.#source.verifiesFar;
    const page = isFar ? this.#farPage(index) : this.#page(index);
    const target = page < 0 ? undefined : this.#source.recordAt(page + (offset & (pageBytes - 1)));
    if (target === undefined) return;
    this.#links.set(offset, target);
    if (isFar) this.#farPages.set(index, page);
    else this.#pages.set(index, page);
  }

  #farPage(index: number): number {
    const known = this.#farPages.get(index);
    if (known !== undefined) return known;
    return this.#farPages.size < mostFarPages ? this.#source.pageAt(index) : -1;
  }

  /** Decodes up to the end of a basic block; where it may go on. */
  #straight(from: number): number[] {
    for (let at = from; !this.#decoded.has(at) && this.#decoded.size < this.#mostInstructions; ) {
      const instruction = this.#decode(at);
      if (!instruction) return [];
      const placed = { instruction, offset: at };
      this.#decoded.set(at, placed);
      const flow = flowOf(instruction);
      if (flow === 'branch') return [behind(placed), targetOf(placed)];
      if (flow === 'jump') return [targetOf(placed)];
      if (flow === 'call' || flow === 'behind') return [behind(placed)];
      if (flow === 'leave' || flow === 'indirect' || flow === 'return') return [];
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
    if (Math.abs(index) > farthestPage) return -1;
    if (this.#isFar) return this.#farPage(index);
    return this.#pages.size < this.#limits.pages ? this.#source.pageAt(index) : -1;
  }

  /** Code of this page is in the region. */
  #notePage(index: number, address: number): void {
    if (this.#isFar && !this.#pages.has(index)) this.#farPages.set(index, address);
    else this.#pages.set(index, address);
  }

  #decode(offset: number): Instruction | undefined {
    const index = offset >> 12;
    const page = this.#page(index);
    if (page < 0) return undefined;
    const { bytes, mode } = this.#source;
    const at = page + (offset & (pageBytes - 1));
    const whole = cachedDecoder.decode(bytes, at, page + pageBytes, mode);
    if (whole) {
      this.#notePage(index, page);
      return whole;
    }
    const second = this.#page(index + 1);
    if (second < 0) return undefined;
    this.#notePage(index, page);
    this.#notePage(index + 1, second);
    const inFirst = page + pageBytes - at;
    straddle.set(bytes.subarray(at, at + inFirst));
    straddle.set(bytes.subarray(second, second + longestInstruction), inFirst);
    return cachedDecoder.decode(straddle, 0, straddle.length, mode);
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

/** A block of a callee for one of its calls: its own edges lie `by` further on, its returns lead behind the call. */
function copyOf(block: RegionBlock, by: number, call: RegionBlock): RegionBlock {
  if (block.flow === 'return') return { ...block, next: call.next, returnsTo: call.end };
  const moved = (edge: number | undefined): number | undefined => (edge === undefined ? undefined : edge + by);
  return { ...block, taken: moved(block.taken), next: moved(block.next) };
}

function blockOf(
  instructions: readonly PlacedInstruction[],
  end: number,
  flow: Flow,
  indexOf: ReadonlyMap<number, number>,
): RegionBlock {
  const last = instructions.at(-1);
  const taken = last && (flow === 'branch' || flow === 'jump') ? indexOf.get(targetOf(last)) : undefined;
  const goesOn = flow === 'through' || flow === 'behind' || flow === 'branch' || flow === 'call';
  const next = goesOn ? indexOf.get(end) : undefined;
  return { instructions, end, flow, taken, next };
}
