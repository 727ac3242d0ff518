import {
  attention,
  flag,
  layout,
  noLookupKey,
  noStackPage,
  segment,
  supervisorKey,
  tlb,
  upperPart,
} from '../layout.ts';
import { modeKey } from '../mode.ts';
import { attribute, cr0, cr4, efer, xcr0 } from './registers.ts';
import type { X86State } from './x86-state.ts';

/**
 * Numbers of the TLB banks: the rights that an access has. The last one never allows to read or write: where alignment is
 * checked (SDM 3A, 6.15, interrupt 17), all accesses take the slow path.
 */
export const bank = { user: 0, supervisor: 1, supervisorWithAc: 2, userAligned: 3 } as const;

/** The bank by which pages are looked up: alignment has nothing to do with them. */
export const pagingBank = (bankNumber: number): number => (bankNumber === bank.userAligned ? bank.user : bankNumber);

/**
 * Whether #AC is due (SDM 3A, table 6-7). Operands of 16 bytes are not checked: their instructions raise #GP, or check
 * nothing (MOVUPS and its kin may); neither are pieces of larger ones.
 */
export const failsAlignment = (bankNumber: number, address: number, size: number): boolean =>
  bankNumber === bank.userAligned && size <= 8 && (size & (size - 1)) === 0 && (address & (size - 1)) !== 0;

export const isUserBank = (bankNumber: number): boolean => bankNumber === bank.user || bankNumber === bank.userAligned;

export const isProtected = (state: X86State): boolean => (state.cr0 & cr0.PE) !== 0;
export const isVirtual8086 = (state: X86State): boolean => (state.eflagsRest & flag.VM) !== 0;
/** Real-address or virtual-8086 mode. */
export const isRealOrVirtual = (state: X86State): boolean => !isProtected(state) || isVirtual8086(state);
/** IA-32e mode: 64-bit or compatibility. */
export const isLongMode = (state: X86State): boolean => (state.efer & efer.LMA) !== 0;
export const isCode64 = (state: X86State): boolean =>
  (state.word(layout.modeKey) & modeKey.codeMask) === modeKey.code64;
export const ioPrivilegeLevel = (state: X86State): number => (state.eflagsRest >> 12) & 3;

export function bankFor(state: X86State, cpl: number): number {
  if (cpl === 3) return state.eflagsRest & flag.AC && state.cr0 & cr0.AM ? bank.userAligned : bank.user;
  return state.eflagsRest & flag.AC && state.cr4 & cr4.SMAP ? bank.supervisorWithAc : bank.supervisor;
}

/** The bank of the running program's own accesses. */
export const currentBank = (state: X86State): number =>
  ((state.word(layout.tlbBank) >>> 0) - state.tlbBanks) / tlb.bankBytes;

/** The address of a bank, as generated code finds it. */
const bankAddress = (state: X86State, bankNumber: number): number => state.tlbBanks + bankNumber * tlb.bankBytes;

export function setCpl(state: X86State, cpl: number): void {
  state.setWord(layout.cpl, cpl);
  state.setWord(layout.tlbBank, bankAddress(state, bankFor(state, cpl)));
  forgetStackPage(state);
  refreshLookupKeys(state);
}

const noStackPageLow = Number(noStackPage);

/** The page that translated code remembers for the stack may not be what, or not do what, it did. */
export function forgetStackPage(state: X86State): void {
  state.setWord(layout.stackPage, noStackPageLow);
  state.setWord(layout.stackPage + 4, 0);
}

const beginEpoch = (state: X86State): void => state.setWord(layout.fetchEpoch, (state.word(layout.fetchEpoch) + 1) | 0);

/** `upperPart` outside of 64-bit mode; unsigned. */
export const upperPart32 = Number(upperPart.others);

/** Where in a lookup key, behind the mode key and `supervisorKey`, the generation begins. */
const generationShift = 13;
const generationLimit = 2 ** (32 - generationShift);

/** What the bytes at a RIP depend on, besides RIP: see layout.ts. */
export function refreshLookupKeys(state: X86State): void {
  const mode = state.word(layout.modeKey);
  const is64 = (mode & modeKey.codeMask) === modeKey.code64;
  state.setWord(layout.upperPart, is64 ? 0 : upperPart32);
  state.setWord(layout.upperPart + 4, is64 ? 1 << 31 : 0);
  const isFlatCode = is64 || (state.legacyBase[segment.cs] === 0 && state.segmentLimit(segment.cs) === 0xffffffff);
  const context = (isUserBank(currentBank(state)) ? 0 : supervisorKey) | mode;
  state.setWord(layout.lookupKey, isFlatCode ? (state.fetchGeneration << generationShift) | context : noLookupKey);
  state.setWord(
    layout.lookupKeyHigh,
    isFlatCode ? (state.fetchGenerationHigh << generationShift) | context : noLookupKey,
  );
}

/** RIPs of these parts of the address space may mean other bytes from now on. */
export function changeFetches(state: X86State, parts: { low: boolean; high: boolean }): void {
  forgetStackPage(state);
  beginEpoch(state);
  const { generations } = state;
  if (generations.last + 2 >= generationLimit) {
    // Numbers begin again: nothing may remember an old one.
    state.u8.fill(0, layout.targetCache, layout.linkKeys + 0x10000);
    generations.last = 0;
    generations.round++;
  }
  const isOld = state.generationRound !== generations.round;
  state.generationRound = generations.round;
  if (parts.low || isOld) state.fetchGeneration = ++generations.last;
  if (parts.high || isOld) state.fetchGenerationHigh = ++generations.last;
  refreshLookupKeys(state);
}

/**
 * A vCPU has its turn again: another may have made code of its stack's page. False: numbers of generations have begun again,
 * and it has new ones.
 */
export function resumeFetches(state: X86State): boolean {
  const isCurrent = state.generationRound === state.generations.round;
  if (isCurrent) forgetStackPage(state);
  else changeFetches(state, { low: true, high: true });
  return isCurrent;
}

const flatMask =
  attribute.unusable |
  attribute.present |
  attribute.ordinary |
  attribute.code |
  attribute.expandDown |
  attribute.writable;
const flatValue = attribute.present | attribute.ordinary | attribute.writable;

const isFlat = (state: X86State, number: number): boolean =>
  state.legacyBase[number] === 0 &&
  state.segmentLimit(number) === 0xffffffff &&
  (state.segmentAttributes(number) & flatMask) === flatValue;

const areFlat = (state: X86State): boolean =>
  isFlat(state, segment.es) && isFlat(state, segment.ss) && isFlat(state, segment.ds);

function codeSize(state: X86State): number {
  const attributes = state.segmentAttributes(segment.cs);
  if (isLongMode(state) && attributes & attribute.long) return modeKey.code64;
  return attributes & attribute.big ? modeKey.code32 : modeKey.code16;
}

function computeModeKey(state: X86State): number {
  const size = codeSize(state);
  let key: number = size;
  if (size !== modeKey.code64) {
    if (!(state.segmentAttributes(segment.ss) & attribute.big)) key |= modeKey.stack16;
    if (areFlat(state)) key |= modeKey.flat;
    if (isRealOrVirtual(state)) key |= modeKey.real;
  }
  return state.eflagsRest & flag.TF ? key | modeKey.single | unitBits(state) : key | unitBits(state);
}

const avxState = xcr0.sse | xcr0.avx;

/** What the processor has, and which floating-point and vector instructions are switched off. */
function unitBits(state: X86State): number {
  const noSse = state.cr4 & cr4.OSFXSR ? 0 : modeKey.noSse;
  const hasAvx = (state.word(layout.xsaveComponents) & avxState) === avxState;
  return (
    state.modelKey |
    noSse |
    (hasAvx ? 0 : modeKey.noAvx) |
    (state.cr0 & cr0.TS ? modeKey.taskSwitched : 0) |
    (state.cr0 & cr0.EM ? modeKey.emulate : 0)
  );
}

/** How far addresses, RIP and the stack pointer reach. */
function refreshLimits(state: X86State, is64: boolean): void {
  const high = is64 ? 0xffffffff : 0;
  state.setWord(layout.addressMask, 0xffffffff);
  state.setWord(layout.addressMask + 4, high);
  state.setWord(layout.codeLimit, is64 ? 0xffffffff : state.segmentLimit(segment.cs));
  state.setWord(layout.codeLimit + 4, high);
  state.setWord(layout.stackMask, state.segmentAttributes(segment.ss) & attribute.big ? 0xffffffff : 0xffff);
}

/**
 * Recomputes what generated code reads from the mode: `modeKey`, `tlbBank`, masks, the bases in effect and the single-step
 * attention bit. Called after any change of CS, SS, DS, ES, CPL, VM, TF, AC, RF, CR0, CR4.SMAP, CR4.OSFXSR, CR4.OSXSAVE, XCR0 or EFER.LMA.
 */
export function refreshMode(state: X86State): void {
  const key = computeModeKey(state);
  if (key !== state.word(layout.modeKey)) beginEpoch(state);
  state.setWord(layout.modeKey, key);
  setCpl(state, state.cpl);
  if (state.word(layout.lookupKey) === noLookupKey) beginEpoch(state);
  const withAc = state.cr4 & cr4.SMAP ? bank.supervisorWithAc : bank.supervisor;
  state.setWord(layout.tlbBankWithAc, bankAddress(state, withAc));
  const is64 = (key & modeKey.codeMask) === modeKey.code64;
  const hasFastCalls = is64 && !(key & modeKey.single) && (state.efer & efer.SCE) !== 0;
  state.setWord(layout.fastSystemCalls, hasFastCalls ? 1 : 0);
  state.setWord(layout.flatSystemCalls, isPlainFlat(state) ? 1 : 0);
  refreshLimits(state, is64);
  for (let number = 0; number < segment.fs; number++) {
    state.setWord(layout.segmentBase + 8 * number, is64 ? 0 : (state.legacyBase[number] ?? 0));
    state.setWord(layout.segmentBase + 8 * number + 4, 0);
  }
  const others = state.word(layout.attention) & ~attention.singleStep;
  const isStepped = key & modeKey.single || state.eflagsRest & flag.RF;
  state.setWord(layout.attention, isStepped ? others | attention.singleStep : others);
}

const flatKeyMask = modeKey.codeMask | modeKey.stack16 | modeKey.flat | modeKey.real | modeKey.single;

/** Flat 32-bit code runs outside of IA-32e mode, protected, and not in single steps; CS may have another base or limit. */
export const isPlainFlat = (state: X86State): boolean =>
  (state.word(layout.modeKey) & flatKeyMask) === (modeKey.code32 | modeKey.flat) && !isLongMode(state);

/** All that `refreshMode` would do when flat 32-bit code has changed CPL, or AC, and its CS and SS are whole flat segments. */
export function enterFlatLevel(state: X86State, cpl: number): void {
  state.setWord(layout.codeLimit, -1);
  setCpl(state, cpl);
}

/** The same for ES and DS: as `refreshMode` after a load of either. */
export function refreshDataSegment(state: X86State, number: number): void {
  const key = state.word(layout.modeKey);
  if ((key & modeKey.codeMask) === modeKey.code64) {
    state.setWord(layout.segmentBase + 8 * number, 0);
    state.setWord(layout.segmentBase + 8 * number + 4, 0);
  } else if (areFlat(state) !== ((key & modeKey.flat) !== 0)) refreshMode(state);
}

/** Stores EFLAGS and follows VM, TF and AC. */
export function setEflags(state: X86State, eflags: number): void {
  const changed = state.eflagsRest ^ eflags;
  state.storeEflags(eflags);
  if (changed & (flag.VM | flag.TF | flag.AC)) refreshMode(state);
}
