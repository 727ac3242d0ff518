/** XSAVE and XRSTOR (SDM 1, 13.4, 13.7 and 13.8): FXSAVE's image, a header, then the upper halves of YMM registers. */
import { layout } from '../layout.ts';
import { setMxcsr } from '../mxcsr.ts';
import type { X87 } from './fpu.ts';
import { image, imageBytes, loadLegacy, loadSse, mxcsrOf, saveLegacy, saveMxcsr, saveSse } from './fxsave.ts';
import { linearAddress } from './operand.ts';

const component = { x87: 1, sse: 2, avx: 4 } as const;
/** Either of them has MXCSR saved and loaded, too. */
const withMxcsr = component.sse | component.avx;
/** From the image on: XSTATE_BV, XCOMP_BV, and what must be zero of the rest. */
const header = { at: 512, bytes: 64, compaction: 8, checked: 24 } as const;
const areaBytes = header.at + header.bytes;
const avx = { at: areaBytes, bytes: 256 } as const;

/** The upper halves of the YMM registers that the mode has. */
const upperHalves = (fpu: X87): Uint8Array =>
  fpu.bytes.subarray(layout.ymmHigh, layout.ymmHigh + imageBytes(fpu) - image.xmm);

/** Components that are not in their initial state; of x87 and SSE state nobody asks. */
function inUse(fpu: X87, components: number): number {
  return components & component.avx && !upperHalves(fpu).some(Boolean) ? components & ~component.avx : components;
}

function alignedAddress(fpu: X87): bigint {
  const linear = linearAddress(fpu);
  if ((linear & 63n) !== 0n) fpu.host.raiseGeneralProtection();
  return linear;
}

/** What is not asked for, and reserved bytes, stay as they are. */
export function xsave(fpu: X87, hasRexW: number, components: number): void {
  const linear = alignedAddress(fpu);
  const bytes = components & component.avx ? areaBytes + avx.bytes : areaBytes;
  fpu.linear.update(linear, bytes, (area) => {
    const view = new DataView(area.buffer, area.byteOffset, area.byteLength);
    if (components & component.x87) saveLegacy(fpu, area, hasRexW);
    if (components & withMxcsr) saveMxcsr(fpu, area);
    if (components & component.sse) saveSse(fpu, area);
    if (components & component.avx) area.set(upperHalves(fpu), avx.at);
    const others = view.getUint32(header.at, true) & ~components;
    view.setUint32(header.at, others | inUse(fpu, components), true);
  });
}

/** Components that the area does not have get their initial values; MXCSR comes from there all the same. */
export function xrstor(fpu: X87, hasRexW: number, components: number): void {
  const linear = alignedAddress(fpu);
  const area = fpu.linear.read(linear, areaBytes);
  const view = new DataView(area.buffer, area.byteOffset, area.byteLength);
  const present = view.getUint32(header.at, true);
  const enabled = fpu.words[layout.xsaveComponents >> 2]!;
  const reserved = area.subarray(header.at + header.compaction, header.at + header.checked);
  const isBad = (present & ~enabled) !== 0 || view.getUint32(header.at + 4, true) !== 0 || reserved.some(Boolean);
  const status = components & withMxcsr ? mxcsrOf(area) : 0;
  if (isBad || status === undefined) fpu.host.raiseGeneralProtection();
  const upper = components & present & component.avx ? fpu.linear.read(linear + BigInt(avx.at), avx.bytes) : undefined;
  if (components & component.x87) {
    if (present & component.x87) loadLegacy(fpu, area, hasRexW);
    else {
      fpu.initialize();
      fpu.words.fill(0, layout.x87 >> 2, (layout.x87 >> 2) + 32);
    }
  }
  if (components & component.sse) {
    if (!(present & component.sse)) area.fill(0, image.xmm);
    loadSse(fpu, area);
  }
  if (components & component.avx) {
    const halves = upperHalves(fpu);
    if (upper) halves.set(upper.subarray(0, halves.length));
    else halves.fill(0);
  }
  if (components & withMxcsr) setMxcsr(fpu.words, status);
}
