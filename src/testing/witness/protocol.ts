/** Cases and outcomes as bytes between us and native.c (`struct request` and `struct response`). */
import { codeBytes, type Patch, type WitnessCase, type WitnessOutcome } from './case.ts';
import { vectorImage } from './state-seeds.ts';

const requestBytes = 148;
const responseBytes = 164;
const { bytes: vectorBytes } = vectorImage;
const kinds = ['completed', 'fault', 'timeout'] as const;

export function encodeCase(test: WitnessCase): Uint8Array {
  const code = codeBytes(test);
  const patched = test.patches.reduce((sum, patch) => sum + 4 + patch.bytes.length, 0);
  const bytes = new Uint8Array(requestBytes + (test.vector ? vectorBytes : 0) + code.length + patched);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  bytes[4] = test.mode;
  bytes[5] = Number(test.hasSmallSegments);
  bytes[6] = Number(test.vector !== undefined);
  bytes[7] = test.image;
  view.setUint16(8, test.codeOffset, true);
  view.setUint16(10, code.length, true);
  view.setUint16(12, test.patches.length, true);
  view.setUint32(16, test.eflags, true);
  test.gpr.forEach((value, i) => {
    view.setBigUint64(20 + 8 * i, value, true);
  });
  let at = requestBytes;
  if (test.vector) {
    bytes.set(test.vector, at);
    at += vectorBytes;
  }
  bytes.set(code, at);
  at += code.length;
  for (const patch of test.patches) {
    view.setUint16(at, patch.at, true);
    view.setUint16(at + 2, patch.bytes.length, true);
    bytes.set(patch.bytes, at + 4);
    at += 4 + patch.bytes.length;
  }
  return bytes;
}

/** The outcome at `at`, and where the next one is. */
export function decodeOutcome(bytes: Uint8Array, at: number): { outcome: WitnessOutcome; next: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const hasVector = view.getUint8(6) !== 0;
  const kind = kinds[view.getUint8(4)] ?? 'timeout';
  const gpr = Array.from({ length: 16 }, (_, i) => view.getBigUint64(36 + 8 * i, true));
  const differences: Patch[] = [];
  let offset = responseBytes + (hasVector ? vectorBytes : 0);
  for (let i = view.getUint16(8, true); i > 0; i--) {
    const length = view.getUint16(offset + 2, true);
    const start = at + offset + 4;
    differences.push({ at: view.getUint16(offset, true), bytes: bytes.slice(start, start + length) });
    offset += 4 + length;
  }
  const vector = hasVector ? bytes.slice(at + responseBytes, at + responseBytes + vectorBytes) : undefined;
  const outcome: WitnessOutcome = {
    kind,
    trap: view.getUint8(5),
    errorCode: view.getUint32(12, true),
    eflags: view.getUint32(16, true),
    rip: view.getBigUint64(20, true),
    cr2: view.getBigUint64(28, true),
    gpr,
    vector,
    differences,
  };
  return { outcome, next: at + view.getUint32(0, true) };
}
