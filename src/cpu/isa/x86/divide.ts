import { layout } from './layout.ts';
import type { X86Cpu } from './system/index.ts';

/** DIV and IDIV of rDX:rAX by the 64-bit helper argument; #DE when the quotient does not fit (SDM 2A, DIV, IDIV). */
export function divide128(cpu: X86Cpu, isSigned: number): void {
  const { state } = cpu;
  const wrap = isSigned ? BigInt.asIntN : BigInt.asUintN;
  const divisor = wrap(64, state.u64[layout.helper >> 3] ?? 0n);
  const dividend = wrap(128, (state.gpr(2) << 64n) | state.gpr(0));
  if (divisor === 0n) cpu.raise(0);
  const quotient = dividend / divisor;
  if (wrap(64, quotient) !== quotient) cpu.raise(0);
  state.setGpr(0, BigInt.asUintN(64, quotient));
  state.setGpr(2, BigInt.asUintN(64, dividend % divisor));
}
