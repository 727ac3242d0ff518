/** Components of extended state (SDM 1, 13.1 and 13.6). */
import { layout } from './layout.ts';
import { modeKey } from './mode.ts';

export const stateComponent = { x87: 1, sse: 2, avx: 4 } as const;

/** 16-byte registers that a mode has. */
export const vectorRegisters = (mode: number): number => ((mode & modeKey.codeMask) === modeKey.code64 ? 16 : 8);

/** Those among `components` that are not in their initial state; x87 and SSE state always count as in use. */
export function componentsInUse(bytes: Uint8Array, mode: number, components: number): number {
  if (!(components & stateComponent.avx)) return components;
  const upperHalves = bytes.subarray(layout.ymmHigh, layout.ymmHigh + 16 * vectorRegisters(mode));
  return upperHalves.some(Boolean) ? components : components & ~stateComponent.avx;
}
