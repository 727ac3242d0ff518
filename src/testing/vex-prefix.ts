import type { Candidate, OpcodeMapName } from '../cpu/isa/x86/index.ts';

/** Fields of a VEX prefix, not inverted (SDM 2A, 2.3.5). */
export interface VexFields {
  readonly map: OpcodeMapName;
  readonly prefix: Candidate['prefix'];
  readonly length: 128 | 256;
  readonly w: boolean;
  readonly register: number;
  readonly r: boolean;
  readonly x: boolean;
  readonly b: boolean;
  /** Three bytes also where two would do. */
  readonly isLong: boolean;
}

const maps: Readonly<Partial<Record<OpcodeMapName, number>>> = { 'VEX.0F': 1, 'VEX.0F38': 2, 'VEX.0F3A': 3 };

export const isVexMap = (map: OpcodeMapName): boolean => maps[map] !== undefined;

export function vexPrefix({ map, prefix, length, w, register, r, x, b, isLong }: VexFields): number[] {
  const number = maps[map] ?? 0;
  const bit = (value: boolean, at: number): number => (value ? 0 : 1 << at);
  const mandatory = prefix === '66' ? 1 : prefix === 'F3' ? 2 : prefix === 'F2' ? 3 : 0;
  const last = ((~register & 15) << 3) | (length === 256 ? 4 : 0) | mandatory;
  if (!isLong && number === 1 && !w && !x && !b) return [0xc5, bit(r, 7) | last];
  return [0xc4, bit(r, 7) | bit(x, 6) | bit(b, 5) | number, (w ? 0x80 : 0) | last];
}
