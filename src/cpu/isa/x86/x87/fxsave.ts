/** FXSAVE and FXRSTOR (SDM 1, 10.5): x87, MMX and SSE state in 512 bytes. */
import { layout } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { mxcsr, setMxcsr } from '../mxcsr.ts';
import { readRegisters, setPointer, writeRegisters } from './environment.ts';
import type { X87 } from './fpu.ts';
import { linearAddress } from './operand.ts';

export const image = {
  control: 0,
  status: 2,
  tags: 4,
  opcode: 6,
  instruction: 8,
  data: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  registers: 32,
  xmm: 160,
} as const;

/** Bytes up to and including the last XMM register that the mode has: 8 of them, or 16 in 64-bit mode. */
export function imageBytes(fpu: X87): number {
  const is64 = (fpu.words[layout.modeKey >> 2]! & modeKey.codeMask) === modeKey.code64;
  return image.xmm + 16 * (is64 ? 16 : 8);
}

function alignedAddress(fpu: X87): bigint {
  const linear = linearAddress(fpu);
  if ((linear & 15n) !== 0n) fpu.host.raiseGeneralProtection();
  return linear;
}

/** x87 state into an image. `hasRexW` chooses 64-bit pointers; otherwise they have 32 bits and a selector, which reads as zero. */
export function saveLegacy(fpu: X87, bytes: Uint8Array, hasRexW: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pointer = (at: number, from: number): void => {
    view.setUint32(at, fpu.words[from >> 2]!, true);
    view.setUint32(at + 4, hasRexW ? fpu.words[(from >> 2) + 1]! : 0, true);
  };
  view.setUint16(image.control, fpu.control, true);
  view.setUint16(image.status, fpu.status, true);
  view.setUint16(image.tags, fpu.tags, true);
  view.setUint16(image.opcode, fpu.opcode, true);
  pointer(image.instruction, layout.x87InstructionPointer);
  pointer(image.data, layout.x87DataPointer);
  writeRegisters(fpu, bytes, image.registers, 16);
  // Reserved, and zero on every processor that a witness was.
  for (let at = image.registers + 10; at < image.xmm; at += 16) {
    view.setUint16(at, 0, true);
    view.setUint32(at + 2, 0, true);
  }
}

export function saveMxcsr(fpu: X87, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(image.mxcsr, fpu.words[layout.mxcsr >> 2]!, true);
  view.setUint32(image.mxcsrMask, mxcsr.valid, true);
}

/** The vector registers into an image: as many as the mode has. */
export function saveSse(fpu: X87, bytes: Uint8Array): void {
  bytes.set(fpu.bytes.subarray(layout.xmm, layout.xmm + imageBytes(fpu) - image.xmm), image.xmm);
}

export function loadLegacy(fpu: X87, bytes: Uint8Array, hasRexW: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pointer = (at: number, to: number): void => {
    setPointer(fpu, to, view.getInt32(at, true), hasRexW ? view.getInt32(at + 4, true) : 0);
  };
  fpu.status = view.getUint16(image.status, true);
  fpu.tags = view.getUint8(image.tags);
  fpu.opcode = view.getUint16(image.opcode, true);
  pointer(image.instruction, layout.x87InstructionPointer);
  pointer(image.data, layout.x87DataPointer);
  fpu.setControl(view.getUint16(image.control, true));
  readRegisters(fpu, bytes, image.registers, 16);
}

/** The registers alone; see `mxcsrOf`. */
export function loadSse(fpu: X87, bytes: Uint8Array): void {
  fpu.bytes.set(bytes.subarray(image.xmm, imageBytes(fpu)), layout.xmm);
}

/** An image's MXCSR; undefined: reserved bits are set. */
export function mxcsrOf(bytes: Uint8Array): number | undefined {
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(image.mxcsr, true);
  return (value & ~mxcsr.valid) === 0 ? value : undefined;
}

export function fxsave(fpu: X87, hasRexW: number): void {
  const linear = alignedAddress(fpu);
  const bytes = new Uint8Array(imageBytes(fpu));
  saveLegacy(fpu, bytes, hasRexW);
  saveMxcsr(fpu, bytes);
  saveSse(fpu, bytes);
  fpu.linear.write(linear, bytes);
}

export function fxrstor(fpu: X87, hasRexW: number): void {
  const linear = alignedAddress(fpu);
  const bytes = fpu.linear.read(linear, imageBytes(fpu));
  const status = mxcsrOf(bytes);
  if (status === undefined) fpu.host.raiseGeneralProtection();
  loadLegacy(fpu, bytes, hasRexW);
  setMxcsr(fpu.words, status);
  loadSse(fpu, bytes);
}
