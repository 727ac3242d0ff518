/**
 * Recorded vectors: cases with what the host's processor did, compressed with Zstandard. Of registers and memory only
 * what differs is kept: from the seeded state before, from the state before afterwards.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import type { Patch, WitnessCase, WitnessMode, WitnessOutcome } from './case.ts';
import { listInstructions } from './listing.ts';
import { fillerRegisters, fillerVectors, floatingVectors, vectorImage } from './state-seeds.ts';

export interface RecordedCase {
  readonly test: WitnessCase;
  readonly native: WitnessOutcome;
}

const formatVersion = 1;
const xmm = { at: 160, bytes: 16, count: 16 } as const;
const mxcsr = { at: 24, bytes: 4, count: 1 } as const;
const high = { at: vectorImage.high, bytes: 16, count: 16 } as const;
const mmx = { at: 32, bytes: 8, count: 8 } as const;
const pageFault = 14;

export function packRecording(cases: readonly RecordedCase[]): Uint8Array {
  const writer = new ByteWriter();
  writer.number(formatVersion);
  for (const { test, native } of cases) {
    writeCase(writer, test);
    writeOutcome(writer, test, native);
  }
  return zstdCompressSync(writer.take(), { params: { [constants.ZSTD_c_compressionLevel]: 19 } });
}

export function unpackRecording(packed: Uint8Array): RecordedCase[] {
  const reader = new ByteReader(zstdDecompressSync(packed));
  const version = reader.number();
  if (version !== formatVersion) throw new RangeError(`Cannot read recorded vectors: version ${version} is not known`);
  const cases: RecordedCase[] = [];
  while (!reader.isAtEnd) {
    const test = readCase(reader);
    cases.push({ test, native: readOutcome(reader, test) });
  }
  return cases;
}

function writeCase(writer: ByteWriter, test: WitnessCase): void {
  const { mode, hasSmallSegments, vector, hasFloats, endsAs64 } = test;
  writer.byte(mode);
  writer.byte((hasSmallSegments ? 1 : 0) | (vector ? 2 : 0) | (hasFloats ? 4 : 0) | (endsAs64 ? 8 : 0));
  writer.byte(test.image);
  writer.number(test.eflags);
  writer.number(test.stateSeed);
  writer.number(test.codeOffset);
  writer.block(test.code);
  writer.number(test.undefinedAtEnd);
  writer.number(test.undefinedAtFault);
  writePatches(writer, test.patches);
  writeRegisters(writer, seededRegisters(test.mode, test.stateSeed), test.gpr);
}

function readCase(reader: ByteReader): WitnessCase {
  const mode = reader.byte() as WitnessMode;
  const bits = reader.byte();
  const image = reader.byte();
  const eflags = reader.number();
  const stateSeed = reader.number();
  const codeOffset = reader.number();
  const code = reader.block();
  const undefinedAtEnd = reader.number();
  const undefinedAtFault = reader.number();
  const patches = readPatches(reader);
  const gpr = readRegisters(reader, seededRegisters(mode, stateSeed));
  const hasFloats = (bits & 4) !== 0;
  const vector = bits & 2 ? (hasFloats ? floatingVectors : fillerVectors)(stateSeed) : undefined;
  const instructions = listInstructions(code, mode);
  const hasSmallSegments = (bits & 1) !== 0;
  const start = { mode, hasSmallSegments, image, patches, eflags, gpr, vector, hasFloats, stateSeed, codeOffset };
  const endsAs64 = (bits & 8) !== 0;
  return { ...start, ...(endsAs64 && { endsAs64 }), code, undefinedAtEnd, undefinedAtFault, instructions };
}

function seededRegisters(mode: WitnessMode, seed: number): bigint[] {
  const registers = fillerRegisters(seed);
  return mode === 64 ? registers : registers.map((value) => BigInt.asUintN(32, value));
}

const ends = ['completed', 'fault', 'timeout'] as const;

function writeOutcome(writer: ByteWriter, test: WitnessCase, outcome: WitnessOutcome): void {
  writer.byte(ends.indexOf(outcome.kind));
  if (outcome.kind === 'fault') {
    writer.byte(outcome.trap);
    writer.number(outcome.errorCode);
    writer.number(outcome.rip);
    if (outcome.trap === pageFault) writer.number(outcome.cr2);
  }
  writer.number(outcome.eflags);
  const count = test.mode === 64 ? 16 : 8;
  const gpr = test.gpr.map((before, i) => (i < count ? (outcome.gpr[i] ?? 0n) : before));
  writeRegisters(writer, test.gpr, test.mode === 64 ? gpr : gpr.map((value) => BigInt.asUintN(32, value)));
  writePatches(writer, outcome.differences);
  if (test.vector && outcome.vector)
    writePatches(writer, vectorDifferences(test.vector, outcome.vector, test.hasFloats));
}

function readOutcome(reader: ByteReader, test: WitnessCase): WitnessOutcome {
  const kind = ends[reader.byte()] ?? 'timeout';
  const isFault = kind === 'fault';
  const trap = isFault ? reader.byte() : 0;
  const errorCode = isFault ? reader.number() : 0;
  const rip = isFault ? reader.bigNumber() : 0n;
  const cr2 = trap === pageFault ? reader.bigNumber() : 0n;
  const eflags = reader.number();
  const gpr = readRegisters(reader, test.gpr);
  const differences = readPatches(reader);
  let vector: Uint8Array | undefined;
  if (test.vector) {
    vector = test.vector.slice();
    for (const { at, bytes } of readPatches(reader)) vector.set(bytes, at);
  }
  return { kind, trap, errorCode, rip, cr2, eflags, gpr, differences, vector };
}

/** Registers that change, whole: only the values are compared. */
function vectorDifferences(before: Uint8Array, after: Uint8Array, hasFloats: boolean): Patch[] {
  const found: Patch[] = [];
  for (const { at, bytes, count } of hasFloats ? [mxcsr, xmm, high, mmx] : [xmm, high, mmx]) {
    for (let i = 0; i < count; i++) {
      const start = at + 16 * i;
      const now = after.slice(start, start + bytes);
      if (Buffer.compare(before.subarray(start, start + bytes), now) !== 0) found.push({ at: start, bytes: now });
    }
  }
  return found;
}

function writePatches(writer: ByteWriter, patches: readonly Patch[]): void {
  writer.number(patches.length);
  for (const { at, bytes } of patches) {
    writer.number(at);
    writer.block(bytes);
  }
}

function readPatches(reader: ByteReader): Patch[] {
  return Array.from({ length: reader.number() }, () => ({ at: reader.number(), bytes: reader.block() }));
}

function writeRegisters(writer: ByteWriter, before: readonly bigint[], after: readonly bigint[]): void {
  const changed = after.map((_, i) => i).filter((i) => before[i] !== after[i]);
  writer.number(changed.reduce((mask, i) => mask | (1 << i), 0));
  for (const i of changed) writer.number(after[i] ?? 0n);
}

function readRegisters(reader: ByteReader, before: readonly bigint[]): bigint[] {
  const mask = reader.number();
  return before.map((value, i) => (mask & (1 << i) ? reader.bigNumber() : value));
}
