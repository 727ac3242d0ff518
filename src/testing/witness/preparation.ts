/** What special instructions need so that they do something worth comparing. */
import { chooseTarget, segmentBase } from './address.ts';
import type { Draft } from './draft.ts';
import { littleEndian } from './encoding.ts';
import { prepareRestore, prepareSave } from './extended-state.ts';
import { places, selectors } from './places.ts';
import type { Sequence } from './sequence.ts';
import { mxcsrOf, unusualFloats } from './state-seeds.ts';

/** Prepares registers and memory; false: not here. */
export type Preparation = (sequence: Sequence, draft: Draft) => boolean;

const [A, C, D, B, BP, SI, DI] = [0, 1, 2, 3, 5, 6, 7];
const always = true;

/** TF and AC stay clear: guest programs test traps and alignment checks. */
const popableFlags = 0x204cd5n;

const bytesOf = (value: bigint, length: number): Uint8Array => Uint8Array.from(littleEndian(value, length));
const stackBytes = (draft: Draft): number => draft.operandSize / 8;

/** Puts a value where the next pop reads it; false when it is not known where that is. */
function patchStack(sequence: Sequence, value: bigint, bytes: number): boolean {
  const pointer = sequence.stackPointer;
  if (pointer === undefined || sequence.isStackDirty) return false;
  return sequence.patch(Number(pointer), bytesOf(value, bytes));
}

const shiftCounts = [0, 1, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255];

const countInCl: Preparation = (sequence, { encoding }) => {
  const usesCl = !encoding.candidate.row.operands.includes('I') && ![0xd0, 0xd1].includes(encoding.opcodes[0] ?? 0);
  if (usesCl) sequence.prefer(C, (sequence.random.value() & ~0xffn) | BigInt(sequence.random.pick(shiftCounts)));
  return always;
};

const division: Preparation = (sequence, { operandSize, encoding, name }) => {
  const { random } = sequence;
  if (random.oneIn(4)) return always;
  const isByte = encoding.opcodes[0] === 0xf6;
  const bits = isByte ? 8n : BigInt(operandSize);
  const low = random.value();
  const isNegative = name === 'idiv' && random.oneIn(2);
  const high = isNegative ? -1n - BigInt(random.below(3)) : BigInt(random.below(3));
  if (isByte) sequence.prefer(A, BigInt.asUintN(16, (high << 8n) | (low & 0xffn)));
  else {
    sequence.prefer(A, low);
    sequence.prefer(D, BigInt.asUintN(Number(bits), high));
  }
  return always;
};

const small = (sequence: Sequence): bigint => {
  const { random } = sequence;
  const upper = sequence.mode !== 64 || random.oneIn(3) ? random.next64() & ~0xffffffffn : 0n;
  return BigInt(random.pick([0, 0, 1, 1, 2, 3, 4, 5, 7, 9, 16])) | (random.oneIn(4) ? upper : 0n);
};

/** The value of a pointer register that leads to `linear` through `segment`. */
const pointerTo = (sequence: Sequence, linear: bigint, segment: number, bits: number): bigint =>
  BigInt.asUintN(bits, linear - BigInt(segmentBase(sequence, segment)));

const strings: Preparation = (sequence, draft) => {
  const { random } = sequence;
  const { addressBits, segment } = draft.aim;
  const bytes = draft.encoding.opcodes.some((o) => o & 1) ? draft.operandSize / 8 : 1;
  draft.repeat = random.pick([0, 0xf3, 0xf3, 0xf2]);
  const used: [number, number][] = [];
  if (draft.name !== 'stos' && draft.name !== 'scas') used.push([SI, segment ?? 3]);
  if (draft.name !== 'lods') used.push([DI, 0]);
  for (const [register, through] of used) {
    if (!sequence.isFree(register) && !random.oneIn(4)) return false;
    // Both in one view: a processor may not notice that strings overlap when their linear addresses don't.
    const target = chooseTarget(sequence, bytes);
    const isHigh = target >= places.highData && target < places.highData + places.dataBytes;
    const linear = isHigh && used.length > 1 ? target - BigInt(places.highData - places.data) : target;
    const upper = addressBits === 32 && random.oneIn(2) ? random.next64() << 32n : 0n;
    sequence.prefer(register, pointerTo(sequence, linear, through, addressBits) | upper);
  }
  if (draft.repeat === 0) return always;
  // Long comparisons that fault keep the flags of the part before an interrupt: ours is interrupted elsewhere.
  const count = sequence.known(C);
  const isBounded = sequence.isFree(C) || (count !== undefined && BigInt.asUintN(addressBits, count) < 0x1000n);
  if (/cmps|scas/.test(draft.name) && !isBounded) return false;
  if (!sequence.isFree(C) && sequence.known(C) === undefined && !random.oneIn(4)) return false;
  const isCompare = /cmps|scas/.test(draft.name);
  sequence.prefer(C, isCompare ? small(sequence) & (addressBits === 64 ? 0xffn : ~0n) : small(sequence));
  return always;
};

const counted: Preparation = (sequence) => {
  sequence.prefer(C, small(sequence));
  return always;
};

const translate: Preparation = (sequence, { aim }) => {
  const table = chooseTarget(sequence, 1);
  sequence.prefer(B, pointerTo(sequence, table, aim.segment ?? 3, aim.addressBits));
  return always;
};

/** Where POPA runs out of stack, processors have loaded some registers. */
const popAll: Preparation = (sequence, draft) => {
  const pointer = sequence.stackPointer;
  return (
    pointer !== undefined &&
    pointer + BigInt(draft.operandSize) <= places.stack + places.stackBytes &&
    pointer >= places.stack
  );
};

/** Which of two faults comes first is up to the processor. */
const popToMemory: Preparation = (sequence, draft) => {
  const pointer = sequence.stackPointer;
  const last = BigInt(places.stack + places.stackBytes - draft.operandSize / 8);
  return pointer !== undefined && pointer >= places.stack && pointer <= last;
};

/** ARPL of ours wants a writable destination even where nothing changes. */
const adjustLevel: Preparation = (sequence, draft) => {
  return !hasLoadedSegments(sequence) && plainOperand(sequence, draft);
};

const hasLoadedSegments = (sequence: Sequence): boolean =>
  sequence.instructions.some(({ name }) => /_seg$|^l[defgs]s$/.test(name));

/** A memory operand where all of it can be read and written, through the default segment. */
const plainOperand: Preparation = (sequence, draft) => {
  const linear = BigInt(places.data + 0x900 + sequence.random.below(0x600));
  draft.aim = { linear, segment: undefined, addressBits: 32 };
  return always;
};

const frame: Preparation = (sequence) => {
  const address = BigInt(places.stack + 0x900 + 8 * sequence.random.below(0x100));
  if (!sequence.isFree(BP) && !sequence.random.oneIn(3)) return false;
  sequence.prefer(BP, address);
  return always;
};

const enter: Preparation = (sequence, draft) => {
  sequence.prefer(BP, BigInt(places.stack + 0x900 + 8 * sequence.random.below(0x100)));
  const size = BigInt(sequence.random.pick([0, 8, 16, 0x40, 0x1000, 0xffff]));
  const level = BigInt(sequence.random.pick([0, 0, 1, 2, 3, 31, 32, 33]));
  draft.immediate = size | (level << 16n);
  return always;
};

const popFlags: Preparation = (sequence, draft) =>
  patchStack(sequence, sequence.random.value() & popableFlags, stackBytes(draft));

const returns: Preparation = (sequence, draft) => {
  const pointer = sequence.stackPointer;
  if (pointer === undefined || sequence.isStackDirty) return false;
  const bytes = stackBytes(draft);
  const patch = bytesOf(0n, bytes);
  if (!sequence.patch(Number(pointer), patch)) return false;
  draft.takesTarget = (address) => patch.set(bytesOf(BigInt(address), bytes));
  if (draft.name === 'ret_imm') draft.immediate = BigInt(sequence.random.pick([0, 8, 16, 4, 0x100, 0xffff]));
  return always;
};

const indirect: Preparation = (sequence, draft) => {
  const bytes = draft.operandSize / 8;
  if (draft.isMemory) {
    const linear = places.data + 0x900 + 8 * sequence.random.below(0x100);
    draft.aim = { linear: BigInt(linear), segment: undefined, addressBits: draft.aim.addressBits };
    const patch = bytesOf(0n, bytes);
    sequence.patch(linear, patch);
    draft.takesTarget = (address) => patch.set(bytesOf(BigInt(address), bytes));
    return always;
  }
  if (!sequence.isFree(draft.rm)) return sequence.random.oneIn(8);
  sequence.assign(draft.rm, 0n);
  draft.takesTarget = (address) => sequence.assign(draft.rm, BigInt(address));
  return always;
};

/** BT and its kin reach bytes far from their memory operand. */
const bitOffset: Preparation = (sequence, draft) => {
  if (!draft.isMemory || draft.encoding.candidate.row.operands.includes('I')) return always;
  if (!sequence.isFree(draft.reg) && !sequence.random.oneIn(4)) return false;
  const { random } = sequence;
  const offset = random.oneIn(2) ? random.between(0, 63) : random.between(-1000, 1000);
  sequence.prefer(draft.reg, BigInt.asUintN(draft.operandSize, BigInt(offset)));
  return always;
};

/** Half of the comparisons find equal values. */
const compareExchange: Preparation = (sequence, draft) => {
  if (sequence.random.oneIn(2)) return always;
  const value = sequence.random.value();
  sequence.prefer(A, value);
  const accumulator = sequence.known(A);
  if (accumulator === undefined) return always;
  if (!draft.isMemory) sequence.prefer(draft.rm, accumulator);
  else sequence.patch(Number(draft.aim.linear), bytesOf(accumulator, 8));
  return always;
};

const compareExchangePair: Preparation = (sequence, draft) => {
  sequence.prefer(A, sequence.random.value());
  sequence.prefer(D, sequence.random.value());
  const [low, high] = [sequence.known(A), sequence.known(D)];
  if (low === undefined || high === undefined || sequence.random.oneIn(2)) return always;
  const half = draft.operandSize === 64 ? 8 : 4;
  const bytes = new Uint8Array([...littleEndian(low, half), ...littleEndian(high, half)]);
  sequence.patch(Number(draft.aim.linear), bytes);
  return always;
};

const someSelectors = [
  0,
  0,
  1,
  3,
  selectors.data,
  selectors.data,
  0x28,
  0x2a,
  selectors.code32,
  selectors.code64,
  0x30,
];
const badSelectors = [0x10, 0x18, 0x13, selectors.smallData, 0x0d, selectors.readOnly, selectors.code16, 0x27];

const drawSelector = (sequence: Sequence): bigint =>
  BigInt(sequence.random.pick(sequence.random.oneIn(3) ? badSelectors : someSelectors));

const selectorOperand: Preparation = (sequence, draft) => {
  if (draft.name === 'mov_to_seg') draft.reg = sequence.random.pick([0, 3, 3, 4, 5, 1, 6]);
  const selector = drawSelector(sequence);
  if (draft.isMemory) {
    // Where the aim misses, a random selector is loaded: as good as a bad one, but it may name a host's own segment.
    const linear = places.data + 0x900 + 2 * sequence.random.below(0x400);
    draft.aim = { linear: BigInt(linear), segment: undefined, addressBits: sequence.mode === 64 ? 64 : 32 };
    return sequence.patch(linear, bytesOf(selector, 2));
  }
  if (!sequence.isFree(draft.rm)) return false;
  sequence.assign(draft.rm, (sequence.random.value() & ~0xffffn) | selector);
  return always;
};

const popSegment: Preparation = (sequence, draft) => patchStack(sequence, drawSelector(sequence), stackBytes(draft));

const farPointer: Preparation = (sequence, draft) => {
  const linear = places.data + 0x900 + 8 * sequence.random.below(0x100);
  draft.aim = { linear: BigInt(linear), segment: undefined, addressBits: sequence.mode === 64 ? 64 : 32 };
  const bytes = draft.operandSize / 8;
  const pointer = [...littleEndian(sequence.random.value(), bytes), ...littleEndian(drawSelector(sequence), 2)];
  return sequence.patch(linear, new Uint8Array(pointer));
};

const interrupt: Preparation = (sequence, draft) => {
  draft.immediate = BigInt(sequence.random.pick([0, 1, 2, 3, 4, 5, 8, 13, 14, 31, 32, 0x81, 0xff]));
  return always;
};

const maskedMove: Preparation = (sequence, draft) => {
  if (!sequence.isFree(DI) || hasLoadedSegments(sequence)) return false;
  // Whether bytes that are masked off can fault is up to the processor.
  const target = BigInt(places.data + 0x900 + sequence.random.below(0xe00));
  draft.aim = { linear: target, segment: undefined, addressBits: sequence.mode === 64 ? 64 : 32 };
  sequence.assign(DI, pointerTo(sequence, target, 3, draft.aim.addressBits));
  return always;
};

const setBase: Preparation = (sequence, draft) => {
  const { random } = sequence;
  const value = random.oneIn(4) ? random.value() : random.next64() >> 17n;
  sequence.prefer(draft.rm, value);
  return always;
};

/** Whether the operands of these may lie anywhere differs between vendors: ours want them aligned, as the manual says. */
const alignedOperand: Preparation = (sequence, draft) => {
  if (sequence.stackPointer !== sequence.known(4)) return false; // It may be the base.
  const linear = BigInt(places.data + 0x800 + 16 * sequence.random.below(0x80));
  draft.aim = { linear, segment: undefined, addressBits: 32 };
  return always;
};

/** Lengths of strings around what a vector holds, and elements that end them. */
const stringLengths: Preparation = (sequence) => {
  for (const register of [A, D]) {
    const length = BigInt(sequence.random.between(-18, 18));
    if (!sequence.random.oneIn(6)) sequence.prefer(register, BigInt.asUintN(64, length));
  }
  return always;
};

const needsStack: Preparation = (sequence) => sequence.stackPointer !== undefined || sequence.random.oneIn(6);

const byName: Readonly<Record<string, Preparation>> = {
  ...each('rol ror rcl rcr shl shr sar shld shrd', countInCl),
  ...each('div idiv', division),
  ...each('movs cmps stos lods scas ins outs', strings),
  ...each('loop loope loopne jcxz', counted),
  ...each('bt bts btr btc', bitOffset),
  ...each('ret ret_imm', returns),
  ...each('call_indirect jmp_indirect', indirect),
  ...each('mov_to_seg lar lsl verr verw', selectorOperand),
  ...each('pop_seg', popSegment),
  ...each('les lds lfs lgs', farPointer),
  ...each('wrfsbase wrgsbase', setBase),
  ...each('maskmovq maskmovdqu vmaskmovdqu', maskedMove),
  ...each('push pop push_seg pushf pusha call', needsStack),
  ...each('sha1rnds4 sha1nexte sha1msg1 sha1msg2 sha256rnds2 sha256msg1 sha256msg2', alignedOperand),
  ...each('pcmpestri pcmpestrm vpcmpestri vpcmpestrm', stringLengths),
  ...each('xsave xsavec', prepareSave),
  xrstor: prepareRestore,
  popa: popAll,
  pop_mem: popToMemory,
  arpl: adjustLevel,
  /** Whether the lower bound is looked at before the upper one is read is up to the processor. */
  bound: plainOperand,
  xlat: translate,
  leave: frame,
  enter,
  popf: popFlags,
  cmpxchg: compareExchange,
  cmpxchg8b: compareExchangePair,
  int: interrupt,
};

function each(names: string, preparation: Preparation): Record<string, Preparation> {
  return Object.fromEntries(names.split(' ').map((name) => [name, preparation]));
}

const reservedBit = 0x40000;

/** Unusual floats where a memory operand is, or a control word for LDMXCSR. */
export function prepareFloats(sequence: Sequence, draft: Draft): void {
  const { random } = sequence;
  if (!draft.isMemory) return;
  const at = Number(draft.aim.linear);
  if (/^v?ldmxcsr$/.test(draft.name)) {
    const value = mxcsrOf(random.next32()) | (random.oneIn(8) ? reservedBit : 0);
    if (!sequence.patch(at, bytesOf(BigInt(value), 4))) sequence.prefer(0, 0n);
    return;
  }
  const bytes = new Uint8Array(32);
  for (const at of [0, 16]) unusualFloats(() => random.next32(), new DataView(bytes.buffer, at, 16));
  if (!random.oneIn(8)) sequence.patch(at, bytes);
}

export const prepare: Preparation = (sequence, draft) => byName[draft.name]?.(sequence, draft) ?? always;
