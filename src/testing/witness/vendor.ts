/**
 * Where processors that are not Intel's do otherwise, or both manuals leave a choice: ours does what Intel's do. Such
 * hosts run the rest of these instructions. Found by what an AMD processor of family 26 does, beside APM 3.
 */
import { segmentBase } from './address.ts';
import type { Draft } from './draft.ts';
import { arithmeticFlags } from './effects.ts';
import { littleEndian } from './encoding.ts';
import { places } from './places.ts';
import type { Preparation } from './preparation.ts';
import type { Sequence } from './sequence.ts';
import { mxcsrOf } from './state-seeds.ts';

const [C, SI] = [1, 6];
const reservedBit = 0x40000;

/** Bit 17 exists: it allows misaligned operands. Nothing but a value of ours is loaded, before anything writes to memory. */
const controlWord: Preparation = (sequence, draft) => {
  const { random } = sequence;
  if (!draft.isMemory || sequence.instructions.length > 0) return false;
  const linear = places.data + 0x900 + random.below(0x600);
  draft.aim = { linear: BigInt(linear), segment: undefined, addressBits: sequence.mode === 64 ? 64 : 32 };
  const value = mxcsrOf(random.next32()) | (random.oneIn(8) ? reservedBit : 0);
  return sequence.patch(linear, Uint8Array.from(littleEndian(value, 4))) && sequence.reserve(linear, 4);
};

/** Beyond 16 bits the results of 16-bit operands are undefined. */
const doubleShift: Preparation = (sequence, draft) => {
  if (draft.operandSize !== 16) return true;
  if (draft.encoding.candidate.row.operands.includes('I')) {
    draft.immediate ??= BigInt(sequence.random.below(17));
    return true;
  }
  const count = sequence.known(C);
  return count !== undefined && (count & 31n) <= 16n;
};

/** An address that is not canonical is found before the return address is stored. */
const knownTarget: Preparation = (sequence, draft) =>
  draft.takesTarget !== undefined && (!draft.isMemory || sequence.instructions.length === 0);

/** Upper halves of 32-bit counts and addresses are kept where nothing is repeated, or the first element faults. */
const hasWholeRegisters = (sequence: Sequence, { repeat, aim }: Draft): boolean =>
  repeat === 0 || sequence.mode !== 64 || aim.addressBits === 64;

/** Flags of a repetition that faults are those before it. */
const repeatedComparison: Preparation = (sequence, draft) => {
  if (draft.repeat !== 0) sequence.undefinedAtFault |= arithmeticFlags;
  return hasWholeRegisters(sequence, draft);
};

const mostElements = 16n;
const room = 0x100n;

/** Of two operands that fault the other one is found first. */
const comparison: Preparation = (sequence, draft) => {
  const [source, count] = [sequence.known(SI), sequence.known(C)];
  if (source === undefined) return false;
  if (draft.repeat !== 0 && (count === undefined || count > mostElements)) return false;
  const { segment, addressBits } = draft.aim;
  const linear = BigInt.asUintN(addressBits, source) + BigInt(segmentBase(sequence, segment ?? 3));
  const isInside = [places.data, places.highData].some(
    (data) => linear >= BigInt(data) + room && linear < BigInt(data + places.dataBytes) - room,
  );
  return isInside && repeatedComparison(sequence, draft);
};

export const unlikeIntel: Readonly<Record<string, Preparation>> = {
  /** Of 16 bits it reads 32. */
  movsxd: (_sequence, { operandSize }) => operandSize !== 16,
  ldmxcsr: controlWord,
  vldmxcsr: controlWord,
  shld: doubleShift,
  shrd: doubleShift,
  /** A register is none of its operands. */
  prefetchw: (_sequence, { isMemory }) => isMemory,
  call_indirect: knownTarget,
  movs: hasWholeRegisters,
  stos: hasWholeRegisters,
  lods: hasWholeRegisters,
  scas: repeatedComparison,
  cmps: comparison,
};
