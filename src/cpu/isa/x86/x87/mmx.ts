/**
 * What MMX instructions do to the x87 state (SDM 3, 12.2). MMi is the significand of physical register i; generated
 * code works on it in place, after `enterMmx`.
 */
import { layout } from '../layout.ts';
import type { X87 } from './fpu.ts';

/** Begins any MMX instruction but EMMS; bit i of `written` says that MMi gets a result. */
export function enterMmx(fpu: X87, written: number): void {
  fpu.wait();
  fpu.top = 0;
  fpu.tags = 0xff;
  for (let i = 0; i < 8; i++) if ((written >> i) & 1) fpu.words[(layout.x87 >> 2) + (i << 2) + 2] = 0xffff;
}

export function emms(fpu: X87): void {
  fpu.wait();
  fpu.top = 0;
  fpu.tags = 0;
}
