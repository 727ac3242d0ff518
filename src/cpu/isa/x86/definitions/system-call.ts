/**
 * SYSCALL and SYSRET between 64-bit code (SDM 2B, under their names): as plain code they cost a third of what they do as
 * helpers (getpid row of the bench). A helper does them in the other modes, under TF, and when they fault.
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { packFlags, unpackFlags } from '../arithmetic-flags.ts';
import { flag, layout, lazyFlags, noStackPage, segment, supervisorKey, tlb } from '../layout.ts';
import { type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { wantInterrupt } from './flag-control.ts';

/** CS and SS as these instructions fill their descriptor caches: flat, accessed, 64-bit code. */
const codeAttributes = 0xa09b;
const dataAttributes = 0xc093;
const dplShift = 5;
const [rcx, r11] = [1, 11];

/** What SYSRET takes from R11 (SDM 2B, SYSRET). */
const restorable = 0x3c7fd7 & ~flag.RF;

interface FlatLevel {
  readonly level: 0 | 3;
  /** Selectors without their RPL. */
  readonly code: Val;
  readonly stack: Val;
  readonly tlbBank: Val;
}

/** The mode key stays: both levels run 64-bit code. */
function enterLevel(e: WasmEmitter, x: X86Target, { level, code, stack, tlbBank }: FlatLevel): void {
  const set = (number: number, selector: Val, attributes: number): void => {
    x.setState('i32', layout.selector + 4 * number, e.op('i32.or', selector, e.i32(level)));
    x.setState('i32', layout.segmentLimit + 4 * number, e.i32(-1));
    x.setState('i32', layout.segmentAttributes + 4 * number, e.i32(attributes | (level << dplShift)));
    x.setState('i64', layout.legacyBase + 8 * number, e.i64(0n));
  };
  set(segment.cs, code, codeAttributes);
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
  const withAc = e.op('i32.and', kept, e.i32(flag.AC));
  const tlbBank = e.select(withAc, x.state('i32', layout.tlbBankWithAc), e.i32(layout.tlb + tlb.bankBytes));
  enterLevel(e, x, { level: 0, code, stack: e.op('i32.add', code, e.i32(8)), tlbBank });
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
  const obstacles = e.op('i32.or', x.state('i32', layout.cpl), e.op('i32.and', flags, e.i32(flag.TF)));
  const isPlain = e.op('i32.and', isCanonical, e.op('i32.eqz', obstacles));
  const isFast = e.op('i32.and', isPlain, x.state('i32', layout.fastSystemCalls));
  e.when(e.op('i32.eqz', isFast), () => x.helperEnds('sysret', e.i32(w / 8)));
  const restored = e.op('i32.and', flags, e.i32(restorable));
  x.setState('i32', layout.eflagsRest, e.op('i32.or', e.op('i32.and', restored, e.i32(~lazyFlags)), e.i32(2)));
  const base = starSelector(e, x, 16);
  const code = e.op('i32.add', base, e.i32(16));
  enterLevel(e, x, { level: 3, code, stack: e.op('i32.add', base, e.i32(8)), tlbBank: e.i32(layout.tlb) });
  x.setFlags(unpackFlags(e, restored));
  wantInterrupt(e, x, e.op('i32.ne', e.op('i32.and', restored, e.i32(flag.IF)), e.i32(0)));
  x.jump(target);
};

export const systemCall: readonly Row[] = [
  row('0F 05', 'syscall', '', syscall, { ends: true }),
  row('0F 07', 'sysret', '', sysret, { ends: true }),
];
