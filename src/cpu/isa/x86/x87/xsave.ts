/** XSAVE and XRSTOR of x87 and SSE state (SDM 1, 13.4, 13.7 and 13.8): FXSAVE's image, then a header. */
import { layout } from '../layout.ts';
import { setMxcsr } from '../mxcsr.ts';
import type { X87 } from './fpu.ts';
import { image, loadLegacy, loadSse, mxcsrOf, saveLegacy, saveSse } from './fxsave.ts';
import { linearAddress } from './operand.ts';

const component = { x87: 1, sse: 2 } as const;
/** From the image on: XSTATE_BV, XCOMP_BV, and what must be zero of the rest. */
const header = { at: 512, bytes: 64, compaction: 8, checked: 24 } as const;
const areaBytes = header.at + header.bytes;

function alignedAddress(fpu: X87): bigint {
  const linear = linearAddress(fpu);
  if ((linear & 63n) !== 0n) fpu.host.raiseGeneralProtection();
  return linear;
}

/** Everything counts as in use. What is not asked for, and reserved bytes, stay as they are. */
export function xsave(fpu: X87, hasRexW: number, components: number): void {
  const linear = alignedAddress(fpu);
  fpu.linear.update(linear, areaBytes, (area) => {
    const view = new DataView(area.buffer, area.byteOffset, area.byteLength);
    if (components & component.x87) saveLegacy(fpu, area, hasRexW);
    if (components & component.sse) saveSse(fpu, area);
    view.setUint32(header.at, view.getUint32(header.at, true) | components, true);
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
  const status = components & component.sse ? mxcsrOf(area) : 0;
  if (isBad || status === undefined) fpu.host.raiseGeneralProtection();
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
    setMxcsr(fpu.words, status);
  }
}
