import type { Decoder, Instruction } from '../isa/x86/index.ts';

const pageBytes = 4096;

export interface PlacedInstruction {
  readonly instruction: Instruction;
  readonly pageOffset: number;
}

/** Straight-line code of a region. Edges are indices of blocks; an edge that leaves the region is missing. */
export interface RegionBlock {
  readonly instructions: readonly PlacedInstruction[];
  /** Page offset behind the last instruction. */
  readonly end: number;
  readonly taken: number | undefined;
  readonly next: number | undefined;
}

/** Code that is translated as one function: blocks of one page that reach each other by direct branches. */
export interface Region {
  /** The entry is block 0. */
  readonly blocks: readonly RegionBlock[];
  readonly instructionCount: number;
}

export interface RegionLimits {
  readonly instructions: number;
}

type Flow = 'through' | 'branch' | 'jump' | 'leave';

/** What an instruction does to the flow inside a region. Calls and 16-bit branches leave it. */
function flowOf({ variant, relative: _ }: Instruction): Flow {
  if (!variant) return 'leave';
  if (!variant.row.ends) return 'through';
  const isRelative = variant.operands.some((o) => o.kind === 'relative');
  if (!isRelative || variant.shape.width === 16) return 'leave';
  if (variant.row.name === 'call') return 'leave';
  return variant.row.name === 'jmp' ? 'jump' : 'branch';
}

const targetOf = ({ instruction, pageOffset }: PlacedInstruction): number =>
  pageOffset + instruction.length + instruction.relative;

const isInPage = (offset: number): boolean => offset >= 0 && offset < pageBytes;

/** Follows direct branches from `entry` (a page offset) through the page at `page` in `code`. */
export function formRegion(
  decoder: Decoder,
  code: Uint8Array,
  page: number,
  entry: number,
  mode: number,
  limits: RegionLimits,
): Region {
  const decoded = new Map<number, PlacedInstruction>();
  const leaders = new Set<number>([entry]);
  const open = [entry];
  while (open.length > 0 && decoded.size < limits.instructions) {
    const from = open.shift() as number;
    for (let at = from; isInPage(at) && !decoded.has(at) && decoded.size < limits.instructions; ) {
      const instruction = decoder.decode(code, page + at, page + pageBytes, mode);
      if (!instruction) break;
      const placed = { instruction, pageOffset: at };
      decoded.set(at, placed);
      const flow = flowOf(instruction);
      const next = at + instruction.length;
      if (flow === 'branch' || flow === 'jump') {
        const target = targetOf(placed);
        for (const leader of flow === 'branch' ? [target, next] : [target]) {
          if (!isInPage(leader)) continue;
          leaders.add(leader);
          open.push(leader);
        }
      }
      if (flow !== 'through') break;
      at = next;
    }
  }
  return { blocks: splitBlocks(decoded, leaders, entry), instructionCount: decoded.size };
}

function splitBlocks(decoded: Map<number, PlacedInstruction>, leaders: Set<number>, entry: number): RegionBlock[] {
  const starts = [entry, ...[...leaders].filter((at) => at !== entry && decoded.has(at)).sort((a, b) => a - b)];
  if (!decoded.has(entry)) return [];
  const indexOf = new Map(starts.map((at, index) => [at, index]));
  return starts.map((start) => {
    const instructions: PlacedInstruction[] = [];
    let at = start;
    for (;;) {
      const placed = decoded.get(at);
      if (!placed || (at !== start && indexOf.has(at))) break;
      instructions.push(placed);
      at += placed.instruction.length;
      if (flowOf(placed.instruction) !== 'through') break;
    }
    return { instructions, end: at, ...edges(instructions.at(-1), at, indexOf) };
  });
}

function edges(
  last: PlacedInstruction | undefined,
  end: number,
  indexOf: ReadonlyMap<number, number>,
): { taken: number | undefined; next: number | undefined } {
  const flow = last ? flowOf(last.instruction) : 'leave';
  const taken = last && (flow === 'branch' || flow === 'jump') ? indexOf.get(targetOf(last)) : undefined;
  const next = flow === 'branch' || flow === 'through' ? indexOf.get(end) : undefined;
  return { taken, next };
}
