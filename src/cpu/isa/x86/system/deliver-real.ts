import { flag, layout, segment } from '../layout.ts';
import { loadCodeReal } from './code-segment.ts';
import type { CpuEvent } from './event-delivery.ts';
import { vector } from './guest-fault.ts';
import { readLinear16 } from './linear-access.ts';
import { bank, refreshMode } from './mode.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** Through the interrupt vector table of real-address mode (SDM 3B, 20.1.4). No error code is pushed. */
export function deliverReal(cpu: X86Cpu, event: CpuEvent): void {
  const { state } = cpu;
  const at = state.idtr.base + event.vector * 4;
  if (event.vector * 4 + 3 > state.idtr.limit) cpu.raise(vector.generalProtection);
  const offset = readLinear16(cpu, at, bank.supervisor);
  const selector = readLinear16(cpu, at + 2, bank.supervisor);
  const stack = cpu.stack.useCurrent();
  stack.push(2, state.eflags);
  stack.push(2, state.selector(segment.cs));
  stack.push(2, state.word(event.returnAt));
  stack.commit();
  state.setWord(layout.eflagsRest, state.eflagsRest & ~(flag.IF | flag.TF | flag.AC | flag.RF));
  loadCodeReal(state, selector);
  refreshMode(state);
  state.setNextRipWords(offset, 0);
}
