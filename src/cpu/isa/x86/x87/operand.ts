/** The linear address that large operands are passed by. */
import { layout } from '../layout.ts';
import type { X87 } from './fpu.ts';

export function linearAddress(fpu: X87): bigint {
  const low = fpu.words[layout.helper >> 2]! >>> 0;
  const high = fpu.words[(layout.helper >> 2) + 1]! >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}
