import type { WasmEmitter } from '../isa/index.ts';
import { isWild } from '../isa/x86/index.ts';
import type { BlockFacts } from './dataflow.ts';
import type { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';
import { vectorBit } from './touches.ts';

/** Tests the vectors that a region's first block takes for tame, and raises the alarm if one is not (see isa/x86/mxcsr.ts). */
export function emitTameEntry(
  e: WasmEmitter,
  frame: RegionFrame,
  { helperSlot, regionType }: RegionImports,
  { tame, live }: Pick<BlockFacts, 'tame' | 'live'>,
): void {
  for (let number = 0; number < 16; number++) {
    const bit = 1 << number;
    for (const [vector, element] of [
      ['pd', 'sd'],
      ['ps', 'ss'],
    ] as const) {
      if (!((tame[vector] | tame[element]) & bit)) continue;
      if (!(live & vectorBit(number))) continue;
      frame.ensure(vectorBit(number));
      const isUnfit = isWild(e, tame[vector] & bit ? vector : element, frame.vector(number));
      e.rarely(isUnfit, () => {
        e.push(e.i32(0), e.i32(0), e.i32(0), e.i32(helperSlot('sseDenormal')));
        e.body.callIndirect(regionType).drop();
      });
    }
  }
  frame.believe(tame);
}
