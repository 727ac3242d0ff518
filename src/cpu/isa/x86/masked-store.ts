import { layout } from './layout.ts';
import { formOf, StringOperand, stringRegister } from './string-operand.ts';
import type { X86Cpu } from './system/index.ts';

/**
 * MASKMOVDQU and MASKMOVQ (SDM 2B): the bytes of `layout.helper` that `mask` has bits for go to DS:rDI on, or another
 * segment that `form` names. All or nothing; an empty mask touches no memory.
 */
export function maskedStore(cpu: X86Cpu, form: number, mask: number): void {
  const { addressBytes, segment } = formOf(form);
  const destination = new StringOperand(cpu, new Int32Array(cpu.state.buffer), stringRegister.destination);
  destination.begin(addressBytes, segment, 1, 1);
  const address = cpu.state.gpr(stringRegister.destination);
  const forEachByte = (visit: (at: number, i: number) => void): boolean => {
    for (let i = 0; i < 16; i++) {
      const at = (mask >> i) & 1 ? destination.locate() : layout.bounce;
      if (at === 0) return false;
      if ((mask >> i) & 1) visit(at, i);
      destination.register.add(1);
    }
    return true;
  };
  const isAllowed = forEachByte(() => {});
  cpu.state.setGpr(stringRegister.destination, address);
  if (!isAllowed) return;
  forEachByte((at, i) => {
    cpu.state.u8[at] = cpu.state.u8[layout.helper + i] ?? 0;
    if (at === layout.bounce) cpu.flushBounce();
  });
  cpu.state.setGpr(stringRegister.destination, address);
}
