/**
 * Hosts may run 64-bit code only. Much of 32-bit code means the same there, as long as its registers have no upper halves:
 * such cases are run as 64-bit code, and compared with what our processor does in 32-bit mode.
 */
import { Decoder, type Instruction, modeKey, ripBase, segment, x86OpcodeMaps } from '../../cpu/isa/x86/index.ts';
import type { WitnessCase, WitnessOutcome } from './case.ts';
import { places } from './places.ts';

const decoder = new Decoder(x86OpcodeMaps);
/** They tell the modes apart by more than their operands. */
const seesMode = /_seg$|^sys|^vzero|^ver[rw]$|^l(ar|sl)$|^mov_(from|to)_/;
const doubleWord = (1n << 32n) - 1n;

/** What the host runs, and what our processor runs beside it. */
export interface HostCase {
  readonly native: WitnessCase;
  readonly ours: WitnessCase;
}

/** The case as 64-bit code; undefined when it would mean something else. */
export function asCode64(test: WitnessCase): HostCase | undefined {
  if (test.mode !== 32 || test.hasSmallSegments) return undefined;
  const { code } = test;
  for (const { offset } of test.instructions) {
    const [narrow, wide] = [modeKey.code32 | modeKey.flat, modeKey.code64].map((mode) =>
      decoder.decode(code, offset, code.length, mode),
    );
    if (!narrow || !wide || !meanTheSame(narrow, wide)) return undefined;
  }
  const native: WitnessCase = { ...test, mode: 64, gpr: test.gpr.map((value) => value & doubleWord) };
  return { native, ours: { ...test, endsAs64: true } };
}

function meanTheSame(narrow: Instruction, wide: Instruction): boolean {
  if (seesMode.test(narrow.variant?.row.name ?? '')) return false;
  if (narrow.variant?.row !== wide.variant?.row || narrow.length !== wide.length) return false;
  if (narrow.fault !== wide.fault || String(narrow.immediates) !== String(wide.immediates)) return false;
  const operands = ({ variant }: Instruction): string => JSON.stringify([variant?.operands, variant?.shape.width]);
  if (operands(narrow) !== operands(wide)) return false;
  if (narrow.registers.immediate !== wide.registers.immediate) return false;
  const { memory } = wide;
  if (!narrow.memory || !memory) return narrow.memory === memory;
  const isPlain = [segment.es, segment.ss, segment.ds].includes(narrow.memory.segment as 0 | 2 | 3);
  return isPlain && memory.segment < segment.fs && narrow.memory.addressBits === 32 && memory.base !== ripBase;
}

/** Where a case reads what is not its own: native.c has pages there, our machine has none. */
export const metControl = ({ kind, trap, cr2 }: WitnessOutcome): boolean =>
  kind === 'fault' && trap === 14 && cr2 >= BigInt(places.control) && cr2 < BigInt(places.stubPage);

/** Addresses of 64-bit code go on above 4 GiB, where those of 32-bit code begin again. */
export const leftAddressSpace = ({ kind, trap, cr2 }: WitnessOutcome): boolean =>
  kind === 'fault' && trap === 14 && cr2 > doubleWord;
