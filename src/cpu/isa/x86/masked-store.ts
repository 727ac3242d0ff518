import { layout } from './layout.ts';
import { stringRegister } from './string-operand.ts';
import type { X86Cpu } from './system/index.ts';
import { VectorElements } from './vector-elements.ts';

const vectorBytes = 16;

/**
 * MASKMOVDQU and MASKMOVQ (SDM 2B): the bytes of `layout.helper` that `mask` has bits for go to DS:rDI on, or another
 * segment that `form` names. All or nothing; an empty mask touches no memory.
 */
export function maskedStore(cpu: X86Cpu, form: number, mask: number): void {
  const memory = new VectorElements(cpu, form, 1);
  const base = memory.wrapped(cpu.state.gpr(stringRegister.destination));
  const chosen = Array.from({ length: vectorBytes }, (_, i) => i).filter((i) => (mask >> i) & 1);
  for (const i of chosen) memory.checkWrite(base + BigInt(i));
  for (const i of chosen)
    memory.write(base + BigInt(i), cpu.state.u8.subarray(layout.helper + i, layout.helper + i + 1));
}
