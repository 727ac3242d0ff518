/** Where two outcomes of one case differ. */
import { flag, registerNames } from '../../cpu/isa/x86/index.ts';
import type { Patch, WitnessCase, WitnessOutcome } from './case.ts';
import { compareVectors } from './compare-vectors.ts';

const comparedFlags =
  flag.CF |
  flag.PF |
  flag.AF |
  flag.ZF |
  flag.SF |
  flag.OF |
  flag.DF |
  flag.TF |
  flag.IF |
  flag.IOPL |
  flag.NT |
  flag.AC |
  flag.ID;
const pageFault = 14;
/** Linux says "present" of every fault above user space, so that programs cannot probe the kernel. */
const endOfUserSpace = 0x7fff_ffff_f000n;
const low32 = 0xffff_ffffn;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** One line a difference, native first; empty when the two agree. A case that does not end is not compared further. */
export function differences(test: WitnessCase, native: WitnessOutcome, ours: WitnessOutcome): string[] {
  const found: string[] = [];
  const compare = (name: string, a: bigint | number, b: bigint | number): void => {
    if (a !== b) found.push(`${name}: native ${hex(a)}, ours ${hex(b)}`);
  };
  if (native.kind !== ours.kind) return [`end: native ${describe(native)}, ours ${describe(ours)}`];
  if (native.kind === 'timeout') return found;
  compare('trap', native.trap, ours.trap);
  if (native.kind === 'fault') compareFaults(native, ours, compare);
  const is64 = test.mode === 64;
  for (let i = 0; i < (is64 ? 16 : 8); i++) {
    const [a, b] = [native.gpr[i] ?? 0n, ours.gpr[i] ?? 0n];
    compare(registerNames[i] ?? '', is64 ? a : a & low32, is64 ? b : b & low32);
  }
  const undefinedFlags = native.kind === 'fault' ? test.undefinedAtFault : test.undefinedAtEnd;
  const mask = comparedFlags & ~undefinedFlags;
  if ((native.eflags ^ ours.eflags) & mask) {
    found.push(`eflags: native ${flagNames(native.eflags & mask)}, ours ${flagNames(ours.eflags & mask)}`);
  }
  const [a, b] = [flatten(native.differences), flatten(ours.differences)];
  if (a !== b) found.push(`memory: native ${a || 'unchanged'}, ours ${b || 'unchanged'}`);
  if (native.vector && ours.vector) found.push(...compareVectors(native.vector, ours.vector, test.hasFloats));
  return found;
}

function compareFaults(
  native: WitnessOutcome,
  ours: WitnessOutcome,
  compare: (name: string, a: bigint | number, b: bigint | number) => void,
): void {
  compare('rip', native.rip, ours.rip);
  const isPageFault = native.trap === pageFault;
  const mask = isPageFault && native.cr2 >= endOfUserSpace ? ~1 : ~0;
  compare('error code', native.errorCode & mask, ours.errorCode & mask);
  if (isPageFault) compare('cr2', native.cr2, ours.cr2);
}

function describe(outcome: WitnessOutcome): string {
  if (outcome.kind !== 'fault') return outcome.kind;
  return `trap ${outcome.trap} (error ${hex(outcome.errorCode)}, rip ${hex(outcome.rip)}, cr2 ${hex(outcome.cr2)})`;
}

export function flagNames(eflags: number): string {
  const set = Object.entries(flag).filter(([name, bit]) => name !== 'IF' && eflags & bit);
  return set.map(([name]) => name).join(' ') || 'none';
}

/** Runs may be split differently: as text, byte by byte. */
function flatten(patches: readonly Patch[]): string {
  let text = '';
  let next = -1;
  for (const { at, bytes } of patches) {
    if (at !== next) text += `${text ? ' ' : ''}+${at.toString(16)}:`;
    for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
    next = at + bytes.length;
  }
  return text;
}
