/**
 * CLI, STI, PUSHF, POPF, CLAC, STAC (SDM 2, by mnemonic): kernels run them thousands of times between two page faults, so
 * what does not change the mode is plain code (getpid and pipe rows of the bench).
 */
import type { Val, WasmEmitter } from '../../index.ts';
import { packFlags, unpackFlags } from '../arithmetic-flags.ts';
import { attention, flag, layout, noStackPage, tlb } from '../layout.ts';
import { type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { popped, pushed } from './stack.ts';

const vectorUndefinedOpcode = 6;
const vectorGeneralProtection = 13;

const ioPrivilegeLevel = (e: WasmEmitter, rest: Val): Val =>
  e.op('i32.and', e.op('i32.shr_u', rest, e.i32(12)), e.i32(3));

/** In real mode the level is zero; virtual-8086 mode without VME follows the same rule (SDM 3B, 20.3.3). */
function requireInterruptControl(e: WasmEmitter, x: X86Target, rest: Val): void {
  const isDenied = e.op('i32.gt_u', x.state('i32', layout.cpl), ioPrivilegeLevel(e, rest));
  e.when(isDenied, () => x.raise(vectorGeneralProtection, 0));
}

/** IF was set when `condition` (0 or 1) holds: an interrupt that waits for it is taken at the next look at the attention word. */
export function wantInterrupt(e: WasmEmitter, x: X86Target, condition: Val, then: () => void = () => {}): void {
  e.when(e.op('i32.and', condition, x.state('i32', layout.interruptLine)), () => {
    const wanted = x.state('i32', layout.attention);
    x.setState('i32', layout.attention, e.op('i32.or', wanted, e.i32(attention.interrupt)));
    then();
  });
}

/** An interrupt that waits for IF is looked at before the next instruction; `wasSet` and `isSet` are masked bits. */
const admitInterrupt = (e: WasmEmitter, x: X86Target, wasSet: Val, isSet: Val): void =>
  wantInterrupt(e, x, e.op('i32.gt_u', isSet, wasSet), () => x.jump(x.nextRip()));

const cli: Body = (e, x) => {
  const rest = x.state('i32', layout.eflagsRest);
  requireInterruptControl(e, x, rest);
  x.setState('i32', layout.eflagsRest, e.op('i32.and', rest, e.i32(~flag.IF)));
};

/** Interrupts stay off for one more instruction when they were off: the engine knows it by its address. */
const sti: Body = (e, x) => {
  const rest = x.state('i32', layout.eflagsRest);
  requireInterruptControl(e, x, rest);
  const wasSet = e.op('i32.and', rest, e.i32(flag.IF));
  x.setState('i32', layout.eflagsRest, e.op('i32.or', rest, e.i32(flag.IF)));
  x.setState('i64', layout.shadowRip, e.select(wasSet, e.i64(-1n), x.nextRip()));
  admitInterrupt(e, x, wasSet, e.i32(flag.IF));
};

/** PUSHF and POPF in virtual-8086 mode. */
function requireIopl3(e: WasmEmitter, x: X86Target, rest: Val): void {
  if (x.shape.code === 64) return;
  const mask = e.i32(flag.VM | flag.IOPL);
  const relevant = e.op('i32.and', rest, mask);
  const isVirtual = e.op('i32.and', rest, e.i32(flag.VM));
  e.when(e.op('i32.and', e.op('i32.ne', isVirtual, e.i32(0)), e.op('i32.ne', relevant, mask)), () =>
    x.raise(vectorGeneralProtection, 0),
  );
}

const pushf: Body = (e, x, w) => {
  const rest = x.state('i32', layout.eflagsRest);
  requireIopl3(e, x, rest);
  const image = e.op('i32.or', e.op('i32.and', rest, e.i32(~(flag.VM | flag.RF))), packFlags(e, x.flags()));
  const slot = pushed(e, x, w);
  const value = w === 64 ? e.zeroExtend(32, 64, image) : e.truncate(32, w, image);
  x.store(w, slot.linear, value, 'stack');
  slot.commit();
};

/** TF and AC change the mode: then a helper does it all. */
const popf: Body = (e, x, w) => {
  const rest = x.state('i32', layout.eflagsRest);
  requireIopl3(e, x, rest);
  const slot = popped(e, x, w);
  const image = e.truncate(w, 32, x.load(w, slot.linear, 'stack'));
  const changed = e.op('i32.xor', image, rest);
  const modeBits = w === 16 ? flag.TF : flag.TF | flag.AC;
  e.when(e.op('i32.and', changed, e.i32(modeBits)), () => x.helperEnds('popf', e.i32(w / 8)));
  const cpl = x.state('i32', layout.cpl);
  const free = w === 16 ? flag.DF | flag.NT : flag.DF | flag.NT | flag.ID;
  const mayInterrupt = e.op('i32.le_u', cpl, ioPrivilegeLevel(e, rest));
  const mask = e.op('i32.or', e.i32(free), e.select(mayInterrupt, e.i32(flag.IF), e.i32(0)));
  const whole = e.op('i32.or', mask, e.select(cpl, e.i32(0), e.i32(flag.IOPL)));
  const next = e.op('i32.xor', rest, e.op('i32.and', changed, whole));
  slot.commit();
  x.setState('i32', layout.eflagsRest, next);
  x.setFlags(unpackFlags(e, image));
  admitInterrupt(e, x, e.op('i32.and', rest, e.i32(flag.IF)), e.op('i32.and', next, e.i32(flag.IF)));
};

/** Another TLB bank follows, which translated code reads where it begins. */
const setAlignmentCheck =
  (isSet: boolean): Body =>
  (e, x) => {
    e.when(x.state('i32', layout.cpl), () => x.raise(vectorUndefinedOpcode));
    const rest = x.state('i32', layout.eflagsRest);
    const changed = isSet ? e.op('i32.or', rest, e.i32(flag.AC)) : e.op('i32.and', rest, e.i32(~flag.AC));
    x.setState('i32', layout.eflagsRest, changed);
    const supervisorBank = e.op('i32.add', x.state('i32', layout.tlbBanks), e.i32(tlb.bankBytes));
    // The stack may have been in a user's page, which is forbidden from here on.
    if (!isSet) x.setState('i64', layout.stackPage, e.i64(noStackPage));
    x.setState('i32', layout.tlbBank, isSet ? x.state('i32', layout.tlbBankWithAc) : supervisorBank);
    x.jump(x.nextRip());
  };

export const flagControl: readonly Row[] = [
  row('FA', 'cli', '', cli),
  row('FB', 'sti', '', sti),
  row('9C', 'pushf', '', pushf, { sizes: 'stack', usesStack: true }),
  row('9D', 'popf', '', popf, { sizes: 'stack', usesStack: true }),
  row('0F 01 CA', 'clac', '', setAlignmentCheck(false), { ends: true }),
  row('0F 01 CB', 'stac', '', setAlignmentCheck(true), { ends: true }),
];
