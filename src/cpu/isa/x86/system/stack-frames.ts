/** PUSHA, POPA, ENTER (SDM 2B and 2A). */
import type { StackSlot } from './stack.ts';
import { addressFromWords } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

/** All eight, the stack pointer as it was before. */
export function pusha(cpu: X86Cpu, opBytes: number): void {
  const stack = cpu.stack.useCurrent();
  for (let number = 0; number < 8; number++) stack.push(opBytes as StackSlot, cpu.state.gprLow(number));
  stack.commit();
}

/** The stack pointer's slot is skipped. */
export function popa(cpu: X86Cpu, opBytes: number): void {
  const stack = cpu.stack.useCurrent();
  const values: number[] = [];
  for (let number = 7; number >= 0; number--) values[number] = stack.pop(opBytes as StackSlot);
  values.forEach((value, number) => {
    if (number !== gprNumber.rsp) cpu.state.setGprSized(number, opBytes, value);
  });
  stack.commit();
}

/** `frame`: nesting level in bits 0-7, size of the locals in bits 8-23. */
export function enter(cpu: X86Cpu, opBytes: number, frame: number): void {
  const { state } = cpu;
  const bytes = opBytes as StackSlot;
  const level = frame & 0x1f;
  const rbpLow = state.gprLow(gprNumber.rbp);
  const rbpHigh = state.gprHigh(gprNumber.rbp);
  const stack = cpu.stack.useCurrent();
  stack.push(bytes, rbpLow, rbpHigh);
  const framePointer = stack.pointer;
  if (level > 0) copyDisplay(cpu, bytes, level, addressFromWords(rbpLow, rbpHigh));
  if (level > 0) stack.push(bytes, framePointer | 0, Math.floor(framePointer / 0x1_0000_0000));
  stack.skip(-((frame >>> 8) & 0xffff));
  stack.checkWritable(bytes);
  state.setGprSized(gprNumber.rbp, bytes, framePointer | 0, Math.floor(framePointer / 0x1_0000_0000));
  stack.commit();
}

/** The enclosing procedures' frame pointers, from below the old frame pointer. */
function copyDisplay(cpu: X86Cpu, bytes: StackSlot, level: number, framePointer: number): void {
  const enclosing = cpu.newStack.useCurrent();
  enclosing.moveTo(framePointer);
  for (let i = 1; i < level; i++) {
    enclosing.skip(-bytes);
    const lo = enclosing.peek(0, bytes);
    cpu.stack.push(bytes, lo, enclosing.high);
  }
}
