/** Areas for XSAVE, XSAVEC and XRSTOR (SDM 1, 13.4 to 13.10), of the components that every processor with AVX has. */
import type { Draft } from './draft.ts';
import { littleEndian } from './encoding.ts';
import { places } from './places.ts';
import type { Random } from './random.ts';
import type { Sequence } from './sequence.ts';
import { floatingVectors, mxcsrOf, seedCount } from './state-seeds.ts';

const [A, D] = [0, 2];
const low32 = 0xffff_ffffn;
const components = 7;
const alignment = 64;
const legacyBytes = 512;
const headerBytes = 64;
const at = { control: 0, status: 2, tag: 4, mxcsr: 24, mxcsrMask: 28 } as const;
const reservedBit = 0x40000;

/** Where the area is; undefined: these registers cannot choose among the components, or the operand may miss it. */
function chooseArea(sequence: Sequence, draft: Draft): number | undefined {
  const { random } = sequence;
  if (sequence.mode !== 64 || sequence.stackPointer !== sequence.known(4)) return undefined;
  sequence.prefer(A, BigInt(random.below(components + 1)) | (random.next64() & ~low32));
  sequence.prefer(D, random.next64() & ~low32);
  const [low, high] = [sequence.known(A), sequence.known(D)];
  if (low === undefined || high === undefined) return undefined;
  if ((low & low32) > components || (high & low32) !== 0n) return undefined;
  const isMisplaced = random.oneIn(24);
  const area = places.data + alignment * random.between(4, 32) + (isMisplaced ? random.below(alignment) : 0);
  draft.aim = { linear: BigInt(area), segment: undefined, addressBits: 64 };
  return area;
}

/** What counts as in use after these is up to the processor. */
const blursUse = /^(xrstor|vzero)/;

/** Which bits of MXCSR there are is the host's: the mask is overwritten. */
export function prepareSave(sequence: Sequence, draft: Draft): boolean {
  if (sequence.instructions.some(({ name }) => blursUse.test(name))) return false;
  const area = chooseArea(sequence, draft);
  if (area === undefined) return false;
  draft.follow = [0xc7, 0x04, 0x25, ...littleEndian(area + at.mxcsrMask, 4), ...littleEndian(0, 4)]; // mov dword [area+28], 0
  return true;
}

/** As the first instruction, so that nothing has written to its area. */
export function prepareRestore(sequence: Sequence, draft: Draft): boolean {
  if (sequence.instructions.length > 0) return false;
  const area = chooseArea(sequence, draft);
  return area !== undefined && sequence.patch(area, drawArea(sequence.random)) && sequence.reserve(area, areaBytes);
}

const areaBytes = legacyBytes + headerBytes + 256;

/** Registers from a seed, in the standard or the compacted format, at times with something in the header that is not allowed. */
function drawArea(random: Random): Uint8Array {
  const area = new Uint8Array(areaBytes);
  const view = new DataView(area.buffer);
  const registers = floatingVectors(random.below(seedCount));
  area.set(registers.subarray(0, legacyBytes));
  area.set(registers.subarray(legacyBytes), legacyBytes + headerBytes);
  // Either no exceptions or none that are unmasked: what a pending one does is for the x87's own witness.
  view.setUint16(at.control, random.oneIn(2) ? 0x37f : 0x340 | (random.next32() & 0xc3f), true);
  view.setUint16(at.status, random.next32() & 0x7f00, true);
  area[at.tag] = random.below(256);
  view.setUint32(at.mxcsr, mxcsrOf(random.next32()) | (random.oneIn(16) ? reservedBit : 0), true);
  view.setUint32(at.mxcsrMask, random.next32(), true);
  drawHeader(random, new DataView(area.buffer, legacyBytes, headerBytes));
  return area;
}

const header = { present: 0, compaction: 8, rest: 16 } as const;
const compacted = 1n << 63n;

function drawHeader(random: Random, view: DataView): void {
  const stored = BigInt(random.below(components + 1));
  const isCompacted = random.oneIn(2);
  const present = random.below(components + 1);
  const kept = isCompacted && !random.oneIn(8) ? BigInt(present) & stored : BigInt(present);
  view.setBigUint64(header.present, kept, true);
  view.setBigUint64(header.compaction, isCompacted ? compacted | stored : 0n, true);
  if (!random.oneIn(8)) return;
  const place = random.pick([header.present, header.compaction, header.rest]);
  if (place === header.rest) view.setUint8(random.between(header.rest, headerBytes - 1), random.below(256));
  // No processor has these components.
  else view.setUint8(place + random.between(3, 6), 1 << random.below(8));
}
