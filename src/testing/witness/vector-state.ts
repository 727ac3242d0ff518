/** x87, MMX, SSE and AVX state of our processor as an FXSAVE image (SDM 1, table 10-2) and upper halves behind it. */
import { layout } from '../../cpu/isa/x86/index.ts';
import { setMxcsr } from '../../cpu/isa/x86/mxcsr.ts';
import type { X86State } from '../../cpu/isa/x86/system/x86-state.ts';
import { vectorImage } from './state-seeds.ts';

const at = { control: 0, status: 2, tag: 4, mxcsr: 24, mxcsrMask: 28, st: 32, xmm: 160 } as const;
const topOf = (status: number): number => (status >> 11) & 7;

export function loadVector(state: X86State, image: Uint8Array): void {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const status = view.getUint16(at.status, true);
  state.view.setUint16(layout.x87Control, view.getUint16(at.control, true), true);
  state.view.setUint16(layout.x87Status, status, true);
  state.view.setUint16(layout.x87Tag, view.getUint16(at.tag, true) & 0xff, true);
  setMxcsr(state.i32, view.getUint32(at.mxcsr, true));
  for (let i = 0; i < 8; i++) {
    const to = layout.x87 + 16 * ((topOf(status) + i) & 7);
    state.u8.set(image.subarray(at.st + 16 * i, at.st + 16 * i + 10), to);
  }
  state.u8.set(image.subarray(at.xmm, at.xmm + 256), layout.xmm);
  state.u8.set(image.subarray(vectorImage.high), layout.ymmHigh);
}

export function saveVector(state: X86State): Uint8Array {
  const image = new Uint8Array(vectorImage.bytes);
  const view = new DataView(image.buffer);
  const status = state.view.getUint16(layout.x87Status, true);
  view.setUint16(at.control, state.view.getUint16(layout.x87Control, true), true);
  view.setUint16(at.status, status, true);
  view.setUint16(at.tag, state.view.getUint16(layout.x87Tag, true), true);
  view.setUint32(at.mxcsr, state.word(layout.mxcsr), true);
  for (let i = 0; i < 8; i++) {
    const from = layout.x87 + 16 * ((topOf(status) + i) & 7);
    image.set(state.u8.subarray(from, from + 10), at.st + 16 * i);
  }
  image.set(state.u8.subarray(layout.xmm, layout.xmm + 256), at.xmm);
  image.set(state.u8.subarray(layout.ymmHigh, layout.ymmHigh + 256), vectorImage.high);
  return image;
}
