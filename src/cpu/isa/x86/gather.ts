/** VPGATHERDD and its kin (SDM 2C). */
import { layout } from './layout.ts';
import { setLowBytes, setVector, vectorBytesOf } from './masked-vector.ts';
import type { X86Cpu } from './system/index.ts';
import { VectorElements } from './vector-elements.ts';

/** What `hasVectorIndex` adds to a form (see row.ts). */
const indexOf = (form: number): { readonly number: number; readonly scale: number } => ({
  number: (form >> 24) & 15,
  scale: (form >> 28) & 3,
});

/**
 * (form, register | mask register << 8, element bytes | index bytes << 8 | vector bytes << 16), the base in the segment at
 * `layout.helper`. Elements are loaded in order, and the mask loses each that is done: where one faults the others need not be
 * loaded again. What is above is cleared at the end only, as the witness does it; the manual does so first.
 */
function gather(cpu: X86Cpu, form: number, registers: number, shape: number): void {
  const [elementBytes, indexBytes, vectorBytes] = [shape & 0xff, (shape >> 8) & 0xff, (shape >> 16) & 0xff];
  const [number, maskNumber] = [registers & 0xff, (registers >> 8) & 0xff];
  const { number: indexNumber, scale } = indexOf(form);
  const count = vectorBytes / Math.max(elementBytes, indexBytes);
  const index = vectorBytesOf(cpu, indexNumber, count * indexBytes);
  const indices = new DataView(index.buffer);
  const memory = new VectorElements(cpu, form & 0xffffff, elementBytes);
  const base = cpu.state.view.getBigUint64(layout.helper, true);
  const result = vectorBytesOf(cpu, number, count * elementBytes);
  const mask = vectorBytesOf(cpu, maskNumber, count * elementBytes);
  const isWanted = (i: number): boolean => (mask[(i + 1) * elementBytes - 1] ?? 0) >= 0x80;
  for (let i = 0; i < count; i++) {
    const at = indexBytes === 8 ? indices.getBigInt64(8 * i, true) : BigInt(indices.getInt32(4 * i, true));
    try {
      if (isWanted(i)) result.set(memory.read(memory.wrapped(base + (at << BigInt(scale)))), i * elementBytes);
    } catch (fault) {
      setLowBytes(cpu, number, result);
      setLowBytes(cpu, maskNumber, mask);
      throw fault;
    }
    mask.fill(0, i * elementBytes, (i + 1) * elementBytes);
  }
  setVector(cpu, number, result);
  setVector(cpu, maskNumber, new Uint8Array());
}

export const gatherHelpers = { gather };
