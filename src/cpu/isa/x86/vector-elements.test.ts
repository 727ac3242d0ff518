import assert from 'node:assert/strict';
import { test } from 'node:test';
import { avxMachine } from '../../../testing/avx-machine.ts';
import { TrapMachine } from '../../../testing/trap-machine.ts';
import { layout } from './index.ts';

const [rax, rdi] = [0, 7];
const pageFault = 14;
const last = 0xffff_ffffn;

/** With AVX on, XMM1 as a mask of all elements but the first, and zeros in XMM2. */
function machine(): TrapMachine {
  const made = avxMachine();
  const { state } = made.bare.engine.cpu;
  state.u8.fill(0, layout.xmm, layout.xmm + 256);
  state.u8.fill(0xff, layout.xmm + 16 + 4, layout.xmm + 32);
  return made;
}

/** Where a program that begins at the last address of 32 bits finds nothing. */
function faultOf(program: readonly number[]): bigint | undefined {
  const made = machine().set(rax, last).set(rdi, last);
  return made.run(program)?.vector === pageFault ? made.bare.engine.cpu.state.cr2.value : undefined;
}

test('a masked operand goes on above 4 GiB where its address has 32 bits, as any operand does', () => {
  const load = faultOf([0x67, 0xc4, 0xe2, 0x71, 0x8c, 0x00]); // vpmaskmovd xmm0, xmm1, [eax]
  const store = faultOf([0x67, 0xc4, 0xe2, 0x71, 0x8e, 0x00]); // vpmaskmovd [eax], xmm1, xmm0
  const bytes = faultOf([0x67, 0x66, 0x0f, 0xf7, 0xc1]); // maskmovdqu xmm0, xmm1

  assert.deepEqual([load, store, bytes], [last + 4n, last + 4n, last + 4n]);
});

test('each address that a gather makes begins again at the end of its size', () => {
  const made = machine().set(rax, last - 0xffn);
  const { state } = made.bare.engine.cpu;
  made.bare.view.setUint32(TrapMachine.data, 0x12345678, true);
  for (let at = layout.xmm + 32; at < layout.xmm + 48; at += 4) state.setWord(at, TrapMachine.data + 0x100);

  assert.equal(made.run([0x67, 0xc4, 0xe2, 0x71, 0x90, 0x04, 0x10]), undefined); // vpgatherdd xmm0, [eax+xmm2], xmm1
  assert.equal(state.word(layout.xmm + 4), 0x12345678);
});
