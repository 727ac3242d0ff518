import { attention, layout, type VcpuState, type X86Cpu } from '../isa/x86/index.ts';

/** Something that two processors disagree about. */
export interface FieldDifference {
  readonly field: string;
  readonly subject: string;
  readonly reference: string;
}

/** Parts of the vCPU's linear memory that the guest can tell apart, from and to. Flags are not: they are kept lazily. */
const plainWords: readonly (readonly [number, number])[] = [
  [layout.gpr, layout.zero],
  [layout.segmentBase, layout.flagZero],
  [layout.eflagsRest, layout.nextRip],
  [layout.selector, layout.tlbBank],
  [layout.xmm, layout.mxcsr + 4],
];

/** Quick: looks at what instructions change most. `differences` looks at everything. */
export function looksEqual(a: X86Cpu, b: X86Cpu): boolean {
  const [left, right] = [a.state, b.state];
  for (const [from, to] of plainWords) {
    for (let at = from >> 2; at < to >> 2; at++) if (left.i32[at] !== right.i32[at]) return false;
  }
  const shadows = (left.word(layout.attention) ^ right.word(layout.attention)) & attention.shadow;
  return (
    shadows === 0 &&
    left.eflags === right.eflags &&
    left.cr0 === right.cr0 &&
    left.cr4 === right.cr4 &&
    left.cr2.value === right.cr2.value &&
    left.cr3.value === right.cr3.value &&
    a.stop?.kind === b.stop?.kind
  );
}

/** Every field of the processors' states that differs. */
export function differences(subject: VcpuState, reference: VcpuState): FieldDifference[] {
  const found: FieldDifference[] = [];
  collect('', subject, reference, found);
  return found;
}

function collect(path: string, a: unknown, b: unknown, found: FieldDifference[]): void {
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const inner = [a, b].map((side) => (side as Record<string, unknown>)[key]);
      collect(path === '' ? key : `${path}.${key}`, inner[0], inner[1], found);
    }
  } else if (a !== b) found.push({ field: path, subject: show(a), reference: show(b) });
}

const show = (value: unknown): string =>
  typeof value === 'number' ? `0x${(value >>> 0).toString(16)}` : String(value);

const pageWords = 1024;
/** Large enough for the loop to be fast. */
const chunkWords = 64 * pageWords;

/** Linear-memory offsets of the words of guest RAM that differ, at most `limit` of them. */
export function differingRam(a: ArrayBufferLike, b: ArrayBufferLike, limit: number): number[] {
  const [left, right] = [new Int32Array(a), new Int32Array(b)];
  const found: number[] = [];
  for (const page of differingPages(left, right)) {
    for (let at = page; at < page + pageWords; at++) if (left[at] !== right[at]) found.push(4 * at);
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}

/** Makes guest RAM in `to` what it is in `from`, and tells of each piece. */
export function copyRam(
  from: ArrayBufferLike,
  to: ArrayBufferLike,
  onCopied: (at: number, bytes: number) => void,
): void {
  const [source, target] = [new Int32Array(from), new Int32Array(to)];
  for (const page of differingPages(source, target)) {
    target.set(source.subarray(page, page + pageWords), page);
    onCopied(4 * page, 4 * pageWords);
  }
}

/**
 * Word numbers of the pages of guest RAM that differ. Reads all of RAM, which does not make the host commit what the
 * guest has not touched.
 */
function* differingPages(left: Int32Array, right: Int32Array): Generator<number> {
  for (let chunk = layout.ram >> 2; chunk < left.length; chunk += chunkWords) {
    const end = Math.min(chunk + chunkWords, left.length);
    if (isSameRange(left, right, chunk, end)) continue;
    for (let page = chunk; page < end; page += pageWords) {
      if (!isSameRange(left, right, page, page + pageWords)) yield page;
    }
  }
}

function isSameRange(left: Int32Array, right: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (left[at] !== right[at]) return false;
  return true;
}
