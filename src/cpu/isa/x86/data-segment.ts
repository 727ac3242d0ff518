/**
 * Loads of ES, DS, FS and GS as generated code: a 32-bit kernel does half a dozen for each system call (getpid row of the
 * bench, 32 bits).
 */
import type { Val, WasmEmitter } from '../index.ts';
import { layout, segment, tlb } from './layout.ts';
import { modeKey } from './mode.ts';
import { returnValues, type SharedFunction, type SharedFunctions } from './shared-function.ts';
import { emitTlbEntry } from './tlb-probe.ts';

/** Bits of a descriptor's upper word (SDM 3A, figure 3-8). */
const bit = { accessed: 1 << 8, writable: 1 << 9, expandDown: 1 << 10, code: 1 << 11 } as const;
/** Present, data, marked as accessed already. */
const usual = 0x9100;
const granular = 1 << 23;

/** What the descriptor says, or `done` (an i32) is 0: then nothing was changed, and the helper does it. */
const loadUsualData: SharedFunction = {
  params: ['i32', 'i32'],
  results: ['i32'],
  emit: (e, _scope, number, selector) => {
    if (number === undefined || selector === undefined) throw new RangeError('Cannot emit: parameters are missing');
    const unless = (condition: Val): void => e.when(e.op('i32.eqz', condition), () => returnValues(e, e.i32(0)));
    unless(e.op('i32.or', e.op('i32.eqz', number), e.op('i32.ge_u', number, e.i32(segment.ds))));
    const linear = descriptorAddress(e, selector, unless);
    const supervisorBank = e.op('i32.add', e.loadMemory('i32.load', e.i32(0), layout.tlbBanks), e.i32(tlb.bankBytes));
    const entry = emitTlbEntry(e, supervisorBank, linear);
    const lastPage = e.op('i64.and', e.op('i64.add', linear, e.i64(7n)), e.i64(-4096n));
    unless(e.op('i64.eq', lastPage, e.loadMemory('i64.load', entry, tlb.readTag)));
    const at = e.op('i32.add', e.op('i32.wrap_i64', linear), e.loadMemory('i32.load', entry, tlb.addend));
    const low = e.loadMemory('i32.load', at, 0);
    const high = e.loadMemory('i32.load', at, 4);
    requireUsual(e, { selector, high }, unless);
    const base = e.op(
      'i32.or',
      e.op('i32.or', e.op('i32.shr_u', low, e.i32(16)), e.op('i32.shl', e.op('i32.and', high, e.i32(0xff)), e.i32(16))),
      e.op('i32.and', high, e.i32(0xff000000 | 0)),
    );
    const raw = e.op('i32.or', e.op('i32.and', low, e.i32(0xffff)), e.op('i32.and', high, e.i32(0xf0000)));
    const pages = e.op('i32.or', e.op('i32.shl', raw, e.i32(12)), e.i32(0xfff));
    const limit = e.select(e.op('i32.and', high, e.i32(granular)), pages, raw);
    e.when(e.op('i32.eq', number, e.i32(segment.es)), () => keepMode(e, { base, limit, high }, unless));
    e.when(e.op('i32.eq', number, e.i32(segment.ds)), () => keepMode(e, { base, limit, high }, unless));
    store(e, { number, selector, base, limit, high });
    return [e.i32(1)];
  },
};

type Require = (condition: Val) => void;

/** In the GDT, where addresses beyond 4 GiB miss the TLB outside of IA-32e mode. Real and virtual-8086 mode have no descriptors. */
function descriptorAddress(e: WasmEmitter, selector: Val, unless: Require): Val {
  const offset = e.op('i32.and', selector, e.i32(0xfff8));
  const mode = e.loadMemory('i32.load', e.i32(0), layout.modeKey);
  const obstacles = e.op('i32.or', e.op('i32.and', selector, e.i32(4)), e.op('i32.and', mode, e.i32(modeKey.real)));
  unless(e.op('i32.eqz', obstacles));
  unless(offset);
  const last = e.op('i32.add', offset, e.i32(7));
  unless(e.op('i32.le_u', last, e.loadMemory('i32.load', e.i32(0), layout.gdtLimit)));
  return e.op('i64.add', e.loadMemory('i64.load', e.i32(0), layout.gdtBase), e.op('i64.extend_i32_u', offset));
}

function requireUsual(e: WasmEmitter, { selector, high }: { selector: Val; high: Val }, unless: Require): void {
  unless(e.op('i32.eq', e.op('i32.and', high, e.i32(usual | bit.code)), e.i32(usual)));
  const level = e.op('i32.and', e.op('i32.shr_u', high, e.i32(13)), e.i32(3));
  unless(e.op('i32.le_u', e.op('i32.and', selector, e.i32(3)), level));
  unless(e.op('i32.le_u', e.loadMemory('i32.load', e.i32(0), layout.cpl), level));
}

interface Contents {
  readonly base: Val;
  readonly limit: Val;
  readonly high: Val;
}

/** Whether ES and DS are flat is part of the mode, which must stay: outside of 64-bit mode, flat ones when all are. */
function keepMode(e: WasmEmitter, { base, limit, high }: Contents, unless: Require): void {
  const mode = e.loadMemory('i32.load', e.i32(0), layout.modeKey);
  const type = e.op('i32.and', high, e.i32(bit.expandDown | bit.writable));
  const isWhole = e.op('i32.and', e.op('i32.eqz', base), e.op('i32.eq', limit, e.i32(-1)));
  const isFlat = e.op('i32.and', isWhole, e.op('i32.eq', type, e.i32(bit.writable)));
  const wasFlat = e.op('i32.ne', e.op('i32.and', mode, e.i32(modeKey.flat)), e.i32(0));
  const is64 = e.op('i32.eq', e.op('i32.and', mode, e.i32(modeKey.codeMask)), e.i32(modeKey.code64));
  unless(e.op('i32.or', is64, e.op('i32.eq', isFlat, wasFlat)));
}

function store(
  e: WasmEmitter,
  { number, selector, base, limit, high }: Contents & { number: Val; selector: Val },
): void {
  const word = e.op('i32.shl', number, e.i32(2));
  const pair = e.op('i32.shl', number, e.i32(3));
  e.storeMemory('i32.store', word, layout.selector, selector);
  e.storeMemory('i32.store', word, layout.segmentLimit, limit);
  const attributes = e.op('i32.and', e.op('i32.shr_u', high, e.i32(8)), e.i32(0xf0ff));
  e.storeMemory('i32.store', word, layout.segmentAttributes, attributes);
  const isBasedAlways = e.op('i32.ge_u', number, e.i32(segment.fs));
  e.when(e.op('i32.eqz', isBasedAlways), () =>
    e.storeMemory('f64.store', pair, layout.legacyBase, e.op('f64.convert_i64_u', e.op('i64.extend_i32_u', base))),
  );
  const mode = e.loadMemory('i32.load', e.i32(0), layout.modeKey);
  const is64 = e.op('i32.eq', e.op('i32.and', mode, e.i32(modeKey.codeMask)), e.i32(modeKey.code64));
  const hasBase = e.op('i32.or', isBasedAlways, e.op('i32.eqz', is64));
  e.storeMemory('i64.store', pair, layout.segmentBase, e.op('i64.extend_i32_u', e.select(hasBase, base, e.i32(0))));
  const bytes = e.op('i64.add', e.op('i64.extend_i32_u', limit), e.i64(1n));
  const reach = e.select(e.op('i32.and', high, e.i32(bit.expandDown)), e.i64(0n), bytes);
  const reaches = e.op('i32.shl', pair, e.i32(1));
  e.storeMemory('i64.store', reaches, layout.segmentReach, reach);
  const writable = e.select(e.op('i32.and', high, e.i32(bit.writable)), reach, e.i64(0n));
  e.storeMemory('i64.store', reaches, layout.segmentReach + 8, writable);
}

export const segmentFunctions: SharedFunctions = { loadUsualData };
