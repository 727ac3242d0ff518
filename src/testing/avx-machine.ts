import assert from 'node:assert/strict';
import { cr4 } from '../cpu/isa/x86/index.ts';
import { TrapMachine } from './trap-machine.ts';

const [rax, rcx, rdx, rbx] = [0, 1, 2, 3];
const setCr4 = [0x0f, 0x20, 0xe0, 0x09, 0xd8, 0x0f, 0x22, 0xe0]; // mov rax, cr4; or eax, ebx; mov cr4, rax
const xsetbv = [0x0f, 0x01, 0xd1];

/** A machine with AVX on, and its exceptions. */
export function avxMachine(): TrapMachine {
  const made = new TrapMachine().set(rbx, cr4.OSFXSR | cr4.OSXMMEXCPT | cr4.OSXSAVE);
  assert.equal(made.run(setCr4), undefined);
  assert.equal(made.set(rax, 7).set(rdx, 0).set(rcx, 0).run(xsetbv), undefined);
  return made;
}
