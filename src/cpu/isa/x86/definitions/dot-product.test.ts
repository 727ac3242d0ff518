import assert from 'node:assert/strict';
import { test } from 'node:test';
import { avxMachine } from '../../../../testing/avx-machine.ts';
import { layout } from '../layout.ts';
import { exception, exceptionMasks, maskOf, setMxcsr } from '../mxcsr.ts';

const simdException = 19;
const { DE, UE, PE } = exception;
const vdpps = [0xc4, 0xe3, 0x75, 0x40, 0xc2, 0xff]; // vdpps ymm0, ymm1, ymm2, 0xff

test('what the products of VDPPS raise in both halves stays when their sums fault', () => {
  const made = avxMachine();
  const { state } = made.bare.engine.cpu;
  for (const half of [layout.xmm, layout.ymmHigh]) {
    for (let at = half; at < half + 16; at += 4) {
      state.view.setFloat32(at + 16, 1.3e-30, true);
      state.view.setFloat32(at + 32, 1.7e-12, true);
    }
  }
  setMxcsr(state.i32, exceptionMasks & ~maskOf(DE));

  // The products are inexact denormals, which is masked; that the sums find them is not.
  assert.equal(made.run(vdpps)?.vector, simdException);
  assert.equal(state.word(layout.mxcsr) & 0x3f, UE | PE | DE);
});

test('no sum of VDPPS is looked at when a product of the other half faults', () => {
  const made = avxMachine();
  const { state } = made.bare.engine.cpu;
  state.u8.fill(0, layout.xmm, layout.xmm + 256);
  state.u8.fill(0, layout.ymmHigh, layout.ymmHigh + 256);
  state.view.setFloat32(layout.xmm + 16, 1, true);
  state.view.setFloat32(layout.xmm + 32, 1, true);
  state.view.setFloat32(layout.xmm + 20, 2 ** -60, true);
  state.view.setFloat32(layout.xmm + 36, 1, true);
  state.view.setFloat32(layout.ymmHigh + 16, 2 ** -80, true);
  state.view.setFloat32(layout.ymmHigh + 32, 2 ** -60, true);
  setMxcsr(state.i32, exceptionMasks & ~maskOf(UE));

  // 1 + 2^-60 would be inexact.
  assert.equal(made.run(vdpps)?.vector, simdException);
  assert.equal(state.word(layout.mxcsr) & 0x3f, UE);
});
