import { vectorImage } from './state-seeds.ts';

/** Values of vector registers, and MXCSR where a case draws it: the x87 status has a witness of its own. */
const xmmAt = 160;
const stAt = 32;
const mxcsrAt = 24;

const hexBytes = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex');

function compareBlock(name: string, bytes: number, a: Uint8Array, b: Uint8Array): string[] {
  return Buffer.compare(a.subarray(0, bytes), b.subarray(0, bytes)) === 0
    ? []
    : [`${name}: native ${hexBytes(a.subarray(0, bytes))}, ours ${hexBytes(b.subarray(0, bytes))}`];
}

export function compareVectors(native: Uint8Array, ours: Uint8Array, hasFloats: boolean): string[] {
  const found = hasFloats ? compareBlock('mxcsr', 4, native.subarray(mxcsrAt), ours.subarray(mxcsrAt)) : [];
  for (let i = 0; i < 16; i++) {
    const at = xmmAt + 16 * i;
    found.push(...compareBlock(`xmm${i}`, 16, native.subarray(at), ours.subarray(at)));
    const high = vectorImage.high + 16 * i;
    found.push(...compareBlock(`ymm${i} high`, 16, native.subarray(high), ours.subarray(high)));
  }
  for (let i = 0; i < 8; i++) {
    const at = stAt + 16 * i;
    found.push(...compareBlock(`mm${i}`, 8, native.subarray(at), ours.subarray(at)));
  }
  return found;
}
