/** VMASKMOVPS and VPMASKMOVD and their kin, and VZEROALL (SDM 2, instruction pages named by mnemonic). */
import { layout } from './layout.ts';
import type { X86Cpu } from './system/index.ts';
import { VectorElements } from './vector-elements.ts';

const halfBytes = 16;

/** Bytes of a vector register, of which `bytes` are wanted. */
export function vectorBytesOf(cpu: X86Cpu, number: number, bytes: number): Uint8Array {
  const { u8 } = cpu.state;
  const low = layout.xmm + halfBytes * number;
  const all = new Uint8Array(bytes);
  all.set(u8.subarray(low, low + Math.min(bytes, halfBytes)));
  if (bytes > halfBytes) {
    const high = layout.ymmHigh + halfBytes * number;
    all.set(u8.subarray(high, high + bytes - halfBytes), halfBytes);
  }
  return all;
}

/** Writes the low bytes of a vector register and keeps what is above. */
export function setLowBytes(cpu: X86Cpu, number: number, value: Uint8Array): void {
  cpu.state.u8.set(value.subarray(0, halfBytes), layout.xmm + halfBytes * number);
  cpu.state.u8.set(value.subarray(halfBytes), layout.ymmHigh + halfBytes * number);
}

/** Writes a whole YMM register: what `value` lacks is zero. */
export function setVector(cpu: X86Cpu, number: number, value: Uint8Array): void {
  const all = new Uint8Array(2 * halfBytes);
  all.set(value);
  setLowBytes(cpu, number, all);
}

/**
 * (form, register | mask register << 8, element bytes | vector bytes << 8 | is store << 16), the offset in the segment at
 * `layout.helper`. Elements that the mask leaves out touch no memory and load as zeros; a store is done as a whole or not at all.
 */
function maskedVector(cpu: X86Cpu, form: number, registers: number, shape: number): void {
  const [bytes, vectorBytes, isStore] = [shape & 0xff, (shape >> 8) & 0xff, (shape >> 16) & 1];
  const mask = vectorBytesOf(cpu, (registers >> 8) & 0xff, vectorBytes);
  const chosen: number[] = [];
  for (let at = 0; at < vectorBytes; at += bytes) if ((mask[at + bytes - 1] ?? 0) & 0x80) chosen.push(at);
  const memory = new VectorElements(cpu, form, bytes);
  const base = memory.wrapped(cpu.state.view.getBigUint64(layout.helper, true));
  const number = registers & 0xff;
  if (isStore) {
    const value = vectorBytesOf(cpu, number, vectorBytes);
    for (const at of chosen) memory.checkWrite(base + BigInt(at));
    for (const at of chosen) memory.write(base + BigInt(at), value.subarray(at, at + bytes));
    return;
  }
  const result = new Uint8Array(vectorBytes);
  for (const at of chosen) result.set(memory.read(base + BigInt(at)), at);
  setVector(cpu, number, result);
}

/** Registers that the mode has. */
const countOf = (cpu: X86Cpu): number => (cpu.isCode64 ? 16 : 8);

function zeroUpper(cpu: X86Cpu): void {
  cpu.state.u8.fill(0, layout.ymmHigh, layout.ymmHigh + halfBytes * countOf(cpu));
}

function zeroAll(cpu: X86Cpu): void {
  cpu.state.u8.fill(0, layout.xmm, layout.xmm + halfBytes * countOf(cpu));
  zeroUpper(cpu);
}

export const vectorHelpers = { maskedVector, zeroUpper, zeroAll };
