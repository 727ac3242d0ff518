import type { Val, WasmEmitter } from '../isa/index.ts';

/** How offsets are told apart: by some of their bits. */
export interface OffsetHash {
  readonly shift: number;
  readonly mask: number;
}

const largestTable = 512;

/** The smallest table in which each offset has a place of its own. Undefined when none of a sensible size does. */
export function hashOf(offsets: readonly number[]): OffsetHash | undefined {
  for (let size = 1; size <= largestTable; size *= 2) {
    if (size < offsets.length) continue;
    for (let shift = 0; shift <= 7; shift++) {
      const places = new Set(offsets.map((offset) => (offset >> shift) & (size - 1)));
      if (places.size === offsets.length) return { shift, mask: size - 1 };
    }
  }
  return undefined;
}

export interface DispatchTarget {
  readonly offset: number;
  /** Depth of the label that stands for it. */
  readonly label: number;
}

/**
 * Branches to the label of the target at `delta` (an i64: a RIP counted from the region's code page), or goes on behind.
 * The table of V8 takes one indirect branch; what it finds is compared, since other RIPs have the same place.
 */
export function emitDispatch(e: WasmEmitter, delta: Val, targets: readonly DispatchTarget[]): void {
  const { body } = e;
  const hash = hashOf(targets.map(({ offset }) => offset));
  const isTarget = ({ offset }: DispatchTarget): Val => e.op('i64.eq', delta, e.i64(BigInt(offset)));
  const branch = (target: DispatchTarget): void => {
    e.push(isTarget(target));
    body.brIf(body.depth - target.label);
  };
  if (!hash) {
    for (const target of targets) branch(target);
    return;
  }
  const place = e.op('i32.shr_u', e.op('i32.wrap_i64', delta), e.i32(hash.shift));
  body.block();
  for (const _ of targets) body.block();
  e.push(e.op('i32.and', place, e.i32(hash.mask)));
  const depths = new Array<number>(hash.mask + 1).fill(targets.length);
  for (const [i, { offset }] of targets.entries()) depths[(offset >> hash.shift) & hash.mask] = i;
  body.brTable(depths, targets.length);
  for (const [i, target] of targets.entries()) {
    body.end();
    branch(target);
    body.br(targets.length - 1 - i);
  }
  body.end();
}
