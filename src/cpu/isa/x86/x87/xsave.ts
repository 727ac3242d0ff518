/**
 * XSAVE, XRSTOR and their kin (SDM 1, 13.4 and 13.7-13.12): FXSAVE's image, a header, then the upper halves of YMM registers.
 * That is the only component behind the header, so that it lies at the same place in the compacted format.
 */
import { layout } from '../layout.ts';
import { mxcsr, setMxcsr } from '../mxcsr.ts';
import { stateComponent as component, componentsInUse } from '../state-components.ts';
import type { X87 } from './fpu.ts';
import { image, imageBytes, loadLegacy, loadSse, mxcsrOf, saveLegacy, saveMxcsr, saveSse } from './fxsave.ts';
import { linearAddress } from './operand.ts';

/** Either of them has MXCSR saved and loaded, too. */
const withMxcsr = component.sse | component.avx;
/** From the image on: XSTATE_BV, XCOMP_BV, and what must be zero of the rest. */
const header = { at: 512, bytes: 64, compaction: 8, checked: 24 } as const;
/** Bit 31 of the upper word of XCOMP_BV: the compacted format. */
const compacted = 1 << 31;
const areaBytes = header.at + header.bytes;
const avx = { at: areaBytes, bytes: 256 } as const;

/** The upper halves of the YMM registers that the mode has. */
const upperHalves = (fpu: X87): Uint8Array =>
  fpu.bytes.subarray(layout.ymmHigh, layout.ymmHigh + imageBytes(fpu) - image.xmm);

const inUse = (fpu: X87, components: number): number =>
  componentsInUse(fpu.bytes, fpu.words[layout.modeKey >> 2]!, components);

function alignedAddress(fpu: X87): bigint {
  const linear = linearAddress(fpu);
  if ((linear & 63n) !== 0n) fpu.host.raiseGeneralProtection();
  return linear;
}

const areaBytesOf = (components: number): number => (components & component.avx ? areaBytes + avx.bytes : areaBytes);

/** What is not asked for, and what is reserved outside of what is saved, stays as it is. */
export function xsave(fpu: X87, hasRexW: number, components: number): void {
  const linear = alignedAddress(fpu);
  const bytes = areaBytesOf(components);
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

/** XSAVEC, and XSAVES, which saves nothing else while IA32_XSS is zero: MXCSR goes with SSE state, what is initial is not written. */
export function xsavec(fpu: X87, hasRexW: number, components: number): void {
  const linear = alignedAddress(fpu);
  const saved = inUse(fpu, components);
  fpu.linear.update(linear, areaBytesOf(components), (area) => {
    const view = new DataView(area.buffer, area.byteOffset, area.byteLength);
    if (saved & component.x87) saveLegacy(fpu, area, hasRexW);
    if (saved & component.sse) {
      saveMxcsr(fpu, area);
      saveSse(fpu, area);
    }
    if (saved & component.avx) area.set(upperHalves(fpu), avx.at);
    view.setUint32(header.at, saved, true);
    view.setUint32(header.at + 4, 0, true);
    view.setUint32(header.at + header.compaction, components, true);
    view.setInt32(header.at + header.compaction + 4, compacted, true);
  });
}

/** Components that the area does not have get their initial values; MXCSR comes from there all the same, or with SSE state. */
export function xrstor(fpu: X87, hasRexW: number, components: number): void {
  restore(fpu, hasRexW, components, false);
}

/** Takes the compacted format only. */
export function xrstors(fpu: X87, hasRexW: number, components: number): void {
  restore(fpu, hasRexW, components, true);
}

interface Area {
  readonly bytes: Uint8Array;
  readonly isCompacted: boolean;
  /** XSTATE_BV. */
  readonly present: number;
}

/** undefined: the header is none that XRSTOR takes. */
function readHeader(fpu: X87, bytes: Uint8Array): Area | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const enabled = fpu.words[layout.xsaveComponents >> 2]!;
  const present = view.getUint32(header.at, true);
  const low = view.getInt32(header.at + header.compaction, true);
  const high = view.getInt32(header.at + header.compaction + 4, true);
  const isCompacted = high === compacted && fpu.host.hasCompaction;
  const [allowed, last] = isCompacted ? [low, header.bytes] : [enabled, header.checked];
  const isBad =
    (present & ~allowed) !== 0 ||
    view.getUint32(header.at + 4, true) !== 0 ||
    (isCompacted ? (low & ~enabled) !== 0 : (low | high) !== 0) ||
    !isZero(view, header.at + header.compaction + 8, header.at + last);
  return isBad ? undefined : { bytes, isCompacted, present };
}

/** Whether the words of a range are. */
function isZero(view: DataView, from: number, to: number): boolean {
  for (let at = from; at < to; at += 4) if (view.getUint32(at, true) !== 0) return false;
  return true;
}

/** MXCSR as it is to be; undefined: illegal. */
function mxcsrFrom(fpu: X87, { bytes, isCompacted, present }: Area, components: number): number | undefined {
  if (!isCompacted) return components & withMxcsr ? mxcsrOf(bytes) : fpu.words[layout.mxcsr >> 2];
  if (!(components & component.sse)) return fpu.words[layout.mxcsr >> 2];
  return present & component.sse ? mxcsrOf(bytes) : mxcsr.initial;
}

function restore(fpu: X87, hasRexW: number, components: number, mustBeCompacted: boolean): void {
  const linear = alignedAddress(fpu);
  const area = readHeader(fpu, fpu.linear.read(linear, areaBytes));
  const status = area && mxcsrFrom(fpu, area, components);
  if (!area || (mustBeCompacted && !area.isCompacted) || status === undefined) fpu.host.raiseGeneralProtection();
  const { bytes, present } = area;
  const upper = components & present & component.avx ? fpu.linear.read(linear + BigInt(avx.at), avx.bytes) : undefined;
  if (components & component.x87) {
    if (present & component.x87) loadLegacy(fpu, bytes, hasRexW);
    else {
      fpu.initialize();
      fpu.words.fill(0, layout.x87 >> 2, (layout.x87 >> 2) + 32);
    }
  }
  if (components & component.sse) {
    if (!(present & component.sse)) bytes.fill(0, image.xmm);
    loadSse(fpu, bytes);
  }
  if (components & component.avx) {
    const halves = upperHalves(fpu);
    if (upper) halves.set(upper.subarray(0, halves.length));
    else halves.fill(0);
  }
  setMxcsr(fpu.words, status);
}
