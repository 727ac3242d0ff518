/** Memory operands: every addressing mode, most of them aimed into the arena. */
import type { EncodedAddress } from './encoding.ts';
import { bases64, places } from './places.ts';
import type { Sequence } from './sequence.ts';

/** Where an access goes. */
export interface Aim {
  /** Linear address that is aimed at; the operand may miss it when no register fits. */
  readonly linear: bigint;
  /** Segment register number, undefined: the default one. */
  readonly segment: number | undefined;
  readonly addressBits: 16 | 32 | 64;
}

const [es, cs, ss, ds, fs, gs] = [0, 1, 2, 3, 4, 5];

/** Base of a segment as native.c sets it up. */
export function segmentBase(sequence: Sequence, segment: number): number {
  if (sequence.mode === 64) return segment === fs ? bases64.fs : segment === gs ? bases64.gs : 0;
  if (segment === gs) return places.data + 0x800;
  if (segment === fs) return places.data;
  if (segment === cs) return sequence.mode === 16 ? places.code : 0;
  return sequence.hasSmallSegments && (segment === ds || segment === es) ? places.data + 0x800 : 0;
}

/** `alignment`: of accesses that fault without it. */
export function chooseTarget(sequence: Sequence, bytes: number, alignment = 1): bigint {
  const { random } = sequence;
  const kind = random.below(120);
  if (kind === 0) return random.value();
  if (kind === 1) return BigInt(places.readOnlyData + random.below(0x1000));
  if (kind === 2) return BigInt(places.readOnlyData - random.below(16));
  if (kind === 3) return BigInt(places.readOnlyData + 0x1000 - random.below(16));
  if (kind === 4) return BigInt(places.data - random.below(16));
  if (kind === 5) return BigInt(places.code + sequence.codeOffset + random.below(32));
  if (kind < 12) return BigInt(places.stack + 0xb00 + random.below(0x300));
  const base = sequence.mode === 64 && random.oneIn(4) ? places.highData : places.data;
  if (kind < 35 && alignment === 1) return BigInt(base + 0x1000 - random.below(bytes + 1));
  const at = 0x880 + random.below(0xf00);
  const unit = alignment > 1 && !random.oneIn(12) ? alignment : random.oneIn(2) ? bytes : 1;
  return BigInt(base + at - (at % unit));
}

const addressSizes = { 64: [64, 64, 64, 64, 64, 64, 64, 32], 32: [32, 32, 32, 32, 16], 16: [16, 16, 32] } as const;

export function chooseAim(sequence: Sequence, bytes: number, alignment = 1): Aim {
  const { random, mode } = sequence;
  const addressBits = random.pick<16 | 32 | 64>(addressSizes[mode]);
  let segment: number | undefined;
  if (mode === 64) {
    if (random.oneIn(10)) segment = random.pick([fs, gs, gs, es, cs, ss, ds]);
  } else if (addressBits === 16 && !sequence.hasSmallSegments) {
    segment = random.oneIn(6) ? undefined : random.pick([gs, gs, gs, fs]);
  } else if (random.oneIn(6)) segment = random.pick([gs, gs, fs, es, cs, ss, ds]);
  return { linear: chooseTarget(sequence, bytes, alignment), segment, addressBits };
}

/** The offset in a segment that leads to the aim; 64-bit mode has bases for FS and GS only. */
function offsetIn(sequence: Sequence, aim: Aim, defaultSegment: number): bigint {
  return BigInt.asUintN(aim.addressBits, aim.linear - BigInt(segmentBase(sequence, aim.segment ?? defaultSegment)));
}

export function segmentPrefix(segment: number | undefined): number[] {
  const prefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
  return segment === undefined ? [] : [prefixes[segment] ?? 0x3e];
}

/** A direct offset (moffs). */
export const directOffset = (sequence: Sequence, aim: Aim): bigint => offsetIn(sequence, aim, ds);

export function encodeAddress(sequence: Sequence, aim: Aim): EncodedAddress {
  if (aim.addressBits === 16) return encode16(sequence, aim);
  for (let tries = 0; tries < 6; tries++) {
    const found = sequence.random.oneIn(6) ? undefined : throughRegisters(sequence, aim);
    if (found) return found;
  }
  return direct(sequence, aim);
}

const noAddress = { sib: undefined, x: false, b: false, ripTarget: undefined } as const;

/** RIP-relative or absolute, whichever reaches. */
function direct(sequence: Sequence, aim: Aim): EncodedAddress {
  const offset = offsetIn(sequence, aim, ds);
  const isNear = BigInt.asIntN(32, offset) === BigInt.asIntN(aim.addressBits, offset);
  const plain = { ...noAddress, mod: 0, displacementBytes: 4 } as const;
  const displacement = Number(BigInt.asIntN(32, offset));
  if (sequence.mode === 64 && (sequence.random.oneIn(2) || !isNear)) {
    const ripTarget = isNear ? Number(offset & 0xffffffffn) : places.data + 0x1000;
    return { ...plain, rm: 5, displacement: 0, ripTarget };
  }
  if (sequence.mode === 64 || sequence.random.oneIn(3)) {
    return { ...plain, rm: 4, sib: 0x25 | (sequence.random.below(4) << 6), displacement };
  }
  return { ...plain, rm: 5, displacement };
}

interface Parts {
  readonly base: number;
  readonly index: number | undefined;
  readonly scale: number;
}

function pickRegister(sequence: Sequence): number {
  const { random } = sequence;
  return random.oneIn(3) ? random.pick(sequence.favourites) : random.below(sequence.registers);
}

/** An index without a base: "base 5, mod 0". */
function throughIndex(sequence: Sequence, aim: Aim): EncodedAddress | undefined {
  const index = pickRegister(sequence);
  if (index === 4) return undefined;
  const scale = sequence.random.below(4);
  const value = indexValue(sequence, index, false, aim.addressBits);
  if (value === undefined) return undefined;
  const displacement = BigInt.asIntN(aim.addressBits, offsetIn(sequence, aim, ds) - (value << BigInt(scale)));
  if (BigInt.asIntN(32, displacement) !== displacement) return undefined;
  return {
    ...noAddress,
    mod: 0,
    rm: 4,
    sib: (scale << 6) | ((index & 7) << 3) | 5,
    x: index > 7,
    displacementBytes: 4,
    displacement: Number(displacement),
  };
}

/** Base, perhaps index; undefined when the registers drawn cannot reach the aim. */
function throughRegisters(sequence: Sequence, aim: Aim): EncodedAddress | undefined {
  const { random } = sequence;
  if (random.oneIn(10)) return throughIndex(sequence, aim);
  const base = pickRegister(sequence);
  const index = random.oneIn(2) ? undefined : pickRegister(sequence);
  if (index === 4 || (index === base && sequence.known(base) === undefined)) return undefined;
  const parts: Parts = { base, index, scale: random.below(4) };
  const bits = aim.addressBits;
  const target = offsetIn(sequence, aim, base === 4 || base === 5 ? ss : ds);
  const indexed = index === undefined ? 0n : indexValue(sequence, index, sequence.isFree(base), bits);
  if (indexed === undefined) return undefined;
  const rest = BigInt.asIntN(bits, target - (indexed << BigInt(parts.scale)));
  if (sequence.isFree(base)) return withFreeBase(sequence, parts, rest, bits);
  const value = sequence.known(base);
  if (value === undefined) return undefined;
  const displacement = BigInt.asIntN(bits, rest - value);
  if (BigInt.asIntN(32, displacement) !== displacement) return undefined;
  return compose(parts, displacement, random.oneIn(5));
}

function indexValue(sequence: Sequence, index: number, isBaseFree: boolean, bits: number): bigint | undefined {
  const { random } = sequence;
  if (sequence.isFree(index)) {
    const value = isBaseFree && random.oneIn(2) ? random.value() : BigInt(random.between(-64, 64));
    sequence.assign(index, value);
  }
  const value = sequence.known(index);
  return value === undefined ? undefined : BigInt.asUintN(bits, value);
}

function withFreeBase(sequence: Sequence, parts: Parts, rest: bigint, bits: number): EncodedAddress {
  const { random } = sequence;
  const kind = random.below(3);
  const displacement = kind === 0 ? 0n : BigInt(kind === 1 ? random.between(-128, 127) : random.next32() | 0);
  const high = bits === 32 && random.oneIn(2) ? random.next64() << 32n : 0n;
  sequence.assign(parts.base, BigInt.asUintN(bits, rest - displacement) | high);
  return compose(parts, displacement, random.oneIn(8));
}

function compose({ base, index, scale }: Parts, displacement: bigint, isLong: boolean): EncodedAddress {
  const small = BigInt.asIntN(8, displacement) === displacement && !isLong;
  const mod = displacement === 0n && (base & 7) !== 5 && !isLong ? 0 : small ? 1 : 2;
  const needsSib = index !== undefined || (base & 7) === 4;
  const indexBits = index === undefined ? 4 : index & 7;
  return {
    mod,
    rm: needsSib ? 4 : base & 7,
    sib: needsSib ? (scale << 6) | (indexBits << 3) | (base & 7) : undefined,
    x: index !== undefined && index > 7,
    b: base > 7,
    displacementBytes: mod === 0 ? 0 : mod === 1 ? 1 : 4,
    displacement: Number(displacement),
    ripTarget: undefined,
  };
}

/** Base and index by r/m (SDM 2A, table 2-1). */
const pairs16: readonly (readonly number[])[] = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]];

function encode16(sequence: Sequence, aim: Aim): EncodedAddress {
  const { random } = sequence;
  const rm = random.below(8);
  const isDirect = rm === 6 && random.oneIn(2);
  const registers = isDirect ? [] : (pairs16[rm] ?? []);
  const offset = offsetIn(sequence, aim, registers.includes(5) ? ss : ds);
  if (isDirect) return { ...noAddress, mod: 0, rm, displacementBytes: 2, displacement: Number(offset) };
  let rest = offset;
  let displacement: bigint | undefined;
  registers.forEach((register, i) => {
    if (i === registers.length - 1 && sequence.isFree(register)) {
      displacement = random.oneIn(2) ? BigInt(random.between(-128, 127)) : random.value();
      sequence.assign(register, BigInt.asUintN(16, rest - displacement) | (random.next64() & ~0xffffn));
    } else {
      sequence.prefer(register, random.value());
      rest -= sequence.known(register) ?? 0n;
    }
  });
  const value = BigInt.asIntN(16, displacement ?? rest);
  const isShort = BigInt.asIntN(8, value) === value;
  const mod = value === 0n && rm !== 6 ? 0 : isShort ? 1 : 2;
  return { ...noAddress, mod, rm, displacementBytes: mod, displacement: Number(value) };
}
