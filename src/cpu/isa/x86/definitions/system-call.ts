/**
 * SYSCALL and SYSRET between 64-bit code, SYSENTER and SYSEXIT between flat 32-bit code (SDM 2B, under their names): as plain
 * code they cost a third of what they do as helpers (getpid row of the bench). A helper does them in the other modes, under
 * TF, and when they fault.
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { packFlags, unpackFlags } from '../arithmetic-flags.ts';
import { flag, layout, lazyFlags, noLookupKey, noStackPage, segment, supervisorKey, tlb } from '../layout.ts';
import { type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { wantInterrupt } from './flag-control.ts';

/** CS and SS as these instructions fill their descriptor caches: flat and accessed. */
const codeAttributes = { code64: 0xa09b, code32: 0xc09b } as const;
const dataAttributes = 0xc093;
const dplShift = 5;
const [rcx, rdx, rsp, r11] = [1, 2, 4, 11];
/** `layout.segmentReach` of a whole segment. */
const wholeReach = 1n << 32n;

/** What SYSRET takes from R11 (SDM 2B, SYSRET). */
const restorable = 0x3c7fd7 & ~flag.RF;

interface FlatLevel {
  readonly level: 0 | 3;
  /** Selectors without their RPL. */
  readonly code: Val;
  readonly stack: Val;
  readonly tlbBank: Val;
}

/** The mode key stays: both levels run code of this size. */
function enterLevel(
  e: WasmEmitter,
  x: X86Target,
  size: keyof typeof codeAttributes,
  { level, code, stack, tlbBank }: FlatLevel,
): void {
  const set = (number: number, selector: Val, attributes: number): void => {
    x.setState('i32', layout.selector + 4 * number, e.op('i32.or', selector, e.i32(level)));
    x.setState('i32', layout.segmentLimit + 4 * number, e.i32(-1));
    x.setState('i32', layout.segmentAttributes + 4 * number, e.i32(attributes | (level << dplShift)));
    x.setState('i64', layout.legacyBase + 8 * number, e.i64(0n));
    x.setState('i64', layout.segmentReach + 16 * number, e.i64(wholeReach));
    x.setState('i64', layout.segmentReach + 16 * number + 8, e.i64(number === segment.cs ? 0n : wholeReach));
  };
  set(segment.cs, code, codeAttributes[size]);
  set(segment.ss, stack, dataAttributes);
  x.setState('i32', layout.stackMask, e.i32(-1));
  x.setState('i32', layout.cpl, e.i32(level));
  x.setState('i32', layout.tlbBank, tlbBank);
  x.setState('i64', layout.stackPage, e.i64(noStackPage));
  for (const key of [layout.lookupKey, layout.lookupKeyHigh]) {
    const others = e.op('i32.and', x.state('i32', key), e.i32(~supervisorKey));
    x.setState('i32', key, level === 0 ? e.op('i32.or', others, e.i32(supervisorKey)) : others);
  }
}

/** The TLB bank of level 0 with these flags. */
function supervisorBank(e: WasmEmitter, x: X86Target, eflags: Val): Val {
  const withAc = e.op('i32.and', eflags, e.i32(flag.AC));
  const without = e.op('i32.add', x.state('i32', layout.tlbBanks), e.i32(tlb.bankBytes));
  return e.select(withAc, x.state('i32', layout.tlbBankWithAc), without);
}

const starSelector = (e: WasmEmitter, x: X86Target, shift: number): Val =>
  e.op('i32.and', e.op('i32.shr_u', x.state('i32', layout.star + 4), e.i32(shift)), e.i32(0xfffc));

const syscall: Body = (e, x) => {
  e.when(e.op('i32.eqz', x.state('i32', layout.fastSystemCalls)), () => x.helperEnds('syscall'));
  const rest = e.op('i32.and', x.state('i32', layout.eflagsRest), e.i32(~flag.RF));
  const image = e.op('i32.or', rest, packFlags(e, x.flags()));
  const kept = e.op('i32.and', image, e.op('i32.xor', x.state('i32', layout.sfmask), e.i32(-1)));
  x.setRegister(64, rcx, x.nextRip());
  x.setRegister(64, r11, e.op('i64.extend_i32_u', image));
  x.setState('i32', layout.eflagsRest, e.op('i32.or', e.op('i32.and', kept, e.i32(~lazyFlags)), e.i32(2)));
  const code = starSelector(e, x, 0);
  const tlbBank = supervisorBank(e, x, kept);
  enterLevel(e, x, 'code64', { level: 0, code, stack: e.op('i32.add', code, e.i32(8)), tlbBank });
  x.setFlags(unpackFlags(e, kept));
  x.jump(x.state('i64', layout.lstar));
};

const sysret: Body = (e, x, w) => {
  if (w !== 64) {
    x.helperEnds('sysret', e.i32(w / 8));
    return;
  }
  const target = x.register(64, rcx);
  const flags = e.op('i32.wrap_i64', x.register(64, r11));
  const isCanonical = e.op('i64.eq', e.op('i64.shr_s', e.op('i64.shl', target, e.i64(16n)), e.i64(16n)), target);
  const obstacles = e.op('i32.or', x.state('i32', layout.cpl), e.op('i32.and', flags, e.i32(flag.TF | flag.AC)));
  const isPlain = e.op('i32.and', isCanonical, e.op('i32.eqz', obstacles));
  const isFast = e.op('i32.and', isPlain, x.state('i32', layout.fastSystemCalls));
  e.when(e.op('i32.eqz', isFast), () => x.helperEnds('sysret', e.i32(w / 8)));
  const restored = e.op('i32.and', flags, e.i32(restorable));
  x.setState('i32', layout.eflagsRest, e.op('i32.or', e.op('i32.and', restored, e.i32(~lazyFlags)), e.i32(2)));
  const base = starSelector(e, x, 16);
  const code = e.op('i32.add', base, e.i32(16));
  const tlbBank = x.state('i32', layout.tlbBanks);
  enterLevel(e, x, 'code64', { level: 3, code, stack: e.op('i32.add', base, e.i32(8)), tlbBank });
  x.setFlags(unpackFlags(e, restored));
  wantInterrupt(e, x, e.op('i32.ne', e.op('i32.and', restored, e.i32(flag.IF)), e.i32(0)));
  x.jump(target);
};

const sysenterSelector = (e: WasmEmitter, x: X86Target): Val =>
  e.op('i32.and', x.state('i32', layout.sysenterCs), e.i32(0xfffc));

/** SYSENTER and SYSEXIT set up nothing that depends on CS, where RIPs can be looked up and IA32_SYSENTER_CS is not null. */
function isPlainFlat(e: WasmEmitter, x: X86Target, selector: Val): Val {
  const hasKey = e.op('i32.ne', x.state('i32', layout.lookupKey), e.i32(noLookupKey));
  const isLegal = e.op('i32.ne', selector, e.i32(0));
  return e.op('i32.and', e.op('i32.and', hasKey, isLegal), x.state('i32', layout.flatSystemCalls));
}

const sysenter: Body = (e, x) => {
  const code = sysenterSelector(e, x);
  e.when(e.op('i32.eqz', isPlainFlat(e, x, code)), () => x.helperEnds('sysenter'));
  const rest = e.op('i32.and', x.state('i32', layout.eflagsRest), e.i32(~(flag.VM | flag.IF | flag.RF)));
  x.setState('i32', layout.eflagsRest, rest);
  const tlbBank = supervisorBank(e, x, rest);
  enterLevel(e, x, 'code32', { level: 0, code, stack: e.op('i32.add', code, e.i32(8)), tlbBank });
  x.setRegister(32, rsp, x.state('i32', layout.sysenterEsp));
  x.jump(e.op('i64.extend_i32_u', x.state('i32', layout.sysenterEip)));
};

const sysexit: Body = (e, x, w) => {
  if (w === 64) {
    x.helperEnds('sysexit', e.i32(w / 8));
    return;
  }
  const first = sysenterSelector(e, x);
  const alignment = e.op('i32.and', x.state('i32', layout.eflagsRest), e.i32(flag.AC));
  const obstacles = e.op('i32.or', x.state('i32', layout.cpl), alignment);
  const isFast = e.op('i32.and', e.op('i32.eqz', obstacles), isPlainFlat(e, x, first));
  e.when(e.op('i32.eqz', isFast), () => x.helperEnds('sysexit', e.i32(w / 8)));
  const target = x.register(32, rdx);
  const code = e.op('i32.add', first, e.i32(16));
  enterLevel(e, x, 'code32', {
    level: 3,
    code,
    stack: e.op('i32.add', first, e.i32(24)),
    tlbBank: x.state('i32', layout.tlbBanks),
  });
  x.setRegister(32, rsp, x.register(32, rcx));
  x.jump(e.op('i64.extend_i32_u', target));
};

export const systemCall: readonly Row[] = [
  row('0F 05', 'syscall', '', syscall, { ends: true }),
  row('0F 07', 'sysret', '', sysret, { ends: true }),
  row('0F 34', 'sysenter', '', sysenter, { ends: true }),
  row('0F 35', 'sysexit', '', sysexit, { ends: true }),
];
