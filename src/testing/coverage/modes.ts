/** Modes in which an instruction means something else (SDM 3A, 2.2). */
import { flag, layout, modeKey, type X86Cpu } from '../../cpu/isa/x86/index.ts';
import type { Row } from '../../cpu/isa/x86/row.ts';
import type { StackShape } from '../../cpu/isa/x86/variant.ts';

/** `long`: 64-bit mode. Compatibility mode counts as protected mode, which it is to programs. */
export type ExecutionMode = 'long' | 'protected' | 'virtual-8086' | 'real';

/**
 * Instructions that treat segments, gates, privilege or EFLAGS in another way in each mode, by row name. Kept by hand:
 * the helpers behind them look at the mode when they run.
 */
const seesMode = new Set(
  (
    'mov_to_seg pop_seg lds les lss lfs lgs jmp_far call_far jmp_far_indirect call_far_indirect ret_far iret ' +
    'int3 int int1 into pushf popf cli sti in out ins outs'
  ).split(' '),
);

/** Modes that count as forms of their own; `undefined` stands for all of them together. */
export function modesOf(row: Row, stack: StackShape): readonly (ExecutionMode | undefined)[] {
  if (!seesMode.has(row.name)) return [undefined];
  if (stack === 'rsp') return ['long'];
  // A stack segment of 64 KiB has the other shape.
  return row.usesStack && stack === 'esp' ? ['protected'] : ['protected', 'virtual-8086', 'real'];
}

const protectionEnable = 1;

/** The mode that a processor is in. */
export function modeOf({ state }: X86Cpu): ExecutionMode {
  if ((state.cr0 & protectionEnable) === 0) return 'real';
  if (state.eflagsRest & flag.VM) return 'virtual-8086';
  return (state.word(layout.modeKey) & modeKey.codeMask) === modeKey.code64 ? 'long' : 'protected';
}
