/** Data movement, conversions and the stack (SDM 2, instruction pages named by mnemonic). */
import { bytesOf, type Val, type WasmEmitter, type Width } from '../../index.ts';
import { conditionHolds, packFlags, unpackFlags } from '../arithmetic-flags.ts';
import { layout } from '../layout.ts';
import { hex, type Row, type RowOptions, requires, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { popped, pushed, stackPointer } from './stack.ts';

const move: Body = (_e, _x, _w, value) => value;
const exchange: Body = (_e, _x, _w, a, b) => [b, a];

const conditionNames = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const conditional = conditionNames.flatMap((name, code): Row[] => [
  row(`0F ${hex(0x90 + code)}`, `set${name}`, 'Eb=', (e, x) => conditionHolds(e, x.flags(), code)),
  row(`0F ${hex(0x40 + code)}`, `cmov${name}`, 'Gv+,Ev', (e, x, _w, a, b) =>
    e.select(conditionHolds(e, x.flags(), code), b, a),
  ),
]);

/** The bytes of a value in the opposite order. */
export function swapBytes(e: WasmEmitter, w: Width, a: Val): Val {
  const swap32 = (v: Val): Val => {
    const even = e.op('i32.and', e.op('i32.rotl', v, e.i32(8)), e.i32(0x00ff00ff));
    const odd = e.op('i32.and', e.op('i32.rotr', v, e.i32(8)), e.i32(0xff00ff00 | 0));
    return e.op('i32.or', even, odd);
  };
  if (w === 32) return swap32(a);
  if (w === 16) return e.op('i32.shr_u', swap32(a), e.i32(16));
  const high = e.zeroExtend(32, 64, swap32(e.op('i32.wrap_i64', a)));
  const low = e.zeroExtend(32, 64, swap32(e.op('i32.wrap_i64', e.op('i64.shr_u', a, e.i64(32n)))));
  return e.op('i64.or', e.op('i64.shl', high, e.i64(32n)), low);
}

/** Of 16 bits it is undefined in the manual; processors clear the register. */
const bswap: Body = (e, _x, w, a) => (w === 16 ? e.constant(16, 0) : swapBytes(e, w, a as Val));

/** CBW, CWDE, CDQE. */
const extendAccumulator: Body = (e, x, w) => {
  const half = (w / 2) as Width;
  x.setRegister(w, 0, e.signExtend(half, w, x.register(half, 0)));
};

/** CWD, CDQ, CQO. */
const extendIntoData: Body = (e, x, w) => {
  const sign = e.op('i64.shr_s', e.signExtend(w, 64, x.register(w, 0)), e.i64(63n));
  x.setRegister(w, 2, e.truncate(64, w, sign));
};

const pushValue: Body = (e, x, w, value) => {
  const stack = pushed(e, x, w);
  x.store(w, stack.linear, value, 'stack');
  stack.commit();
};

const pop: Body = (e, x, w) => {
  const stack = popped(e, x, w);
  const value = x.load(w, stack.linear, 'stack');
  stack.commit(); // Before the destination is written: POP rSP keeps what was popped.
  return value;
};

/** The address of the destination is computed with the stack pointer already moved: the decoder adds it to RSP bases. */
const popToMemory: Body = (e, x, w, linear) => {
  const stack = popped(e, x, w);
  const value = x.load(w, stack.linear, 'stack');
  x.store(w, linear, value);
  stack.commit();
};

const leave: Body = (e, x, w) => {
  const frame = stackPointer(e, x, 5);
  const value = x.load(w, frame.linear(0, bytesOf(w), 'read'), 'stack');
  frame.moveTo(bytesOf(w));
  x.setRegister(w, 5, value);
};

const lahf: Body = (e, x) => {
  const flags = e.op('i32.or', packFlags(e, x.flags()), e.i32(2));
  const rest = e.op('i32.and', x.register(16, 0), e.i32(0xff));
  x.setRegister(16, 0, e.op('i32.or', e.op('i32.shl', e.op('i32.and', flags, e.i32(0xff)), e.i32(8)), rest));
};

const sahf: Body = (e, x) => {
  const ah = e.op('i32.shr_u', x.register(16, 0), e.i32(8));
  const overflow = e.op('i32.and', packFlags(e, x.flags()), e.i32(1 << 11));
  x.setFlags(unpackFlags(e, e.op('i32.or', ah, overflow)));
};

const setDirection =
  (isDown: boolean): Body =>
  (e, x) => {
    const rest = x.state('i32', layout.eflagsRest);
    const changed = isDown ? e.op('i32.or', rest, e.i32(1 << 10)) : e.op('i32.and', rest, e.i32(~(1 << 10)));
    x.setState('i32', layout.eflagsRest, changed);
  };

/** LES, LDS, LSS, LFS, LGS: a far pointer from memory, offset first. */
const loadFarPointer =
  (segment: number): Body =>
  (e, x, w, linear) => {
    const offset = x.load(w, linear);
    const selector = x.load(16, x.wrapAddress(e.op('i64.add', linear, e.i64(BigInt(w / 8)))));
    x.helper('loadSegmentOfPointer', e.i32(segment), selector);
    return offset;
  };

const pushSegment =
  (segment: number): Body =>
  (e, x, w) => {
    const selector = x.state('i32', layout.selector + 4 * segment);
    if (w === 64) return pushValue(e, x, w, e.zeroExtend(32, 64, selector));
    // With 32-bit operands only the low half of the slot is written (SDM 2B, PUSH).
    const stack = pushed(e, x, w);
    x.store(16, stack.linear, selector, 'stack');
    stack.commit();
  };

interface SegmentLoad {
  readonly number: Val;
  readonly selector: Val;
  /** Before execution goes on. */
  readonly commit: () => void;
}

/** The mode may be another one behind an unusual load: a link to the next instruction would not see that. */
function loadSegment(e: WasmEmitter, x: X86Target, { number, selector, commit }: SegmentLoad): void {
  const [isDone] = x.shared('loadUsualData', number, selector);
  if (!isDone) throw new RangeError('Cannot emit a segment load: its function has no result');
  e.when(
    e.op('i32.eqz', isDone),
    () => {
      x.helper('loadSegment', number, selector);
      commit();
      x.jump(x.nextRip());
    },
    undefined,
    false,
  );
  commit();
  x.fallThrough();
}

const popSegment =
  (segment: number): Body =>
  (e, x, w) => {
    const stack = popped(e, x, w);
    const value = x.load(w === 64 ? 64 : w, stack.linear, 'stack');
    const selector = e.truncate(w, 16, value);
    loadSegment(e, x, { number: e.i32(segment), selector, commit: stack.commit });
  };

const registerRows: readonly Row[] = [
  row('B0+r', 'mov', 'Zb=,Ib', move),
  row('B8+r', 'mov', 'Zv=,Iv', move),
  row('90+r', 'xchg', 'Zv+,Av+', exchange),
  row('0F C8+r', 'bswap', 'Zv+', bswap),
  row('50+r', 'push', 'Zv', pushValue, { sizes: 'stack', usesStack: true }),
  row('58+r', 'pop', 'Zv=', pop, { sizes: 'stack', usesStack: true }),
];

const moveToSegment: Body = (e, x, _w, number, selector) => loadSegment(e, x, { number, selector, commit: () => {} });

const popOptions: RowOptions = { sizes: 'stack', usesStack: true, ends: true, goesOn: true };

const segmentRows: readonly Row[] = [
  row('8C', 'mov_from_seg', 'Rv=,S', (e, _x, w, number) => {
    const selector = e.loadMemory('i32.load', e.op('i32.shl', number, e.i32(2)), layout.selector);
    return w === 64 ? e.zeroExtend(32, 64, selector) : selector;
  }),
  row('8C', 'mov_from_seg', 'Mw=,S', (e, _x, _w, number) =>
    e.loadMemory('i32.load', e.op('i32.shl', number, e.i32(2)), layout.selector),
  ),
  row('8E', 'mov_to_seg', 'S,Ew', moveToSegment, { ends: true, goesOn: true }),
  ...[0, 1, 2, 3].map((s) =>
    row(hex(s * 8 + 6), 'push_seg', '', pushSegment(s), { sizes: 'stack', usesStack: true, only: 'legacy' }),
  ),
  ...[0, 2, 3].map((s) => row(hex(s * 8 + 7), 'pop_seg', '', popSegment(s), { ...popOptions, only: 'legacy' })),
  ...[4, 5].map((s) =>
    row(`0F ${hex(s * 8 + 0x80)}`, 'push_seg', '', pushSegment(s), { sizes: 'stack', usesStack: true }),
  ),
  ...[4, 5].map((s) => row(`0F ${hex(s * 8 + 0x81)}`, 'pop_seg', '', popSegment(s), popOptions)),
  row('C4', 'les', 'Gv=,Np', loadFarPointer(0), { only: 'legacy', ends: true }),
  row('C5', 'lds', 'Gv=,Np', loadFarPointer(3), { only: 'legacy', ends: true }),
  row('0F B2', 'lss', 'Gv=,Np', loadFarPointer(2), { ends: true }),
  row('0F B4', 'lfs', 'Gv=,Np', loadFarPointer(4), { ends: true }),
  row('0F B5', 'lgs', 'Gv=,Np', loadFarPointer(5), { ends: true }),
];

const stackRows: readonly Row[] = [
  row('68', 'push', 'Iz', pushValue, { sizes: 'stack', usesStack: true }),
  row('6A', 'push', 'Is', pushValue, { sizes: 'stack', usesStack: true }),
  row('FF /6', 'push', 'Ev', pushValue, { sizes: 'stack', usesStack: true }),
  row('8F /0', 'pop', 'Rv=', pop, { sizes: 'stack', usesStack: true }),
  row('8F /0', 'pop_mem', 'Nv=', popToMemory, { sizes: 'stack', usesStack: true }),
  row('C9', 'leave', '', leave, { sizes: 'stack', usesStack: true }),
  row('60', 'pusha', '', (e, x, w) => void x.helper('pusha', e.i32(w / 8)), { only: 'legacy' }),
  row(
    'C8',
    'enter',
    'Iw,Ib',
    (e, x, w, size, level) =>
      void x.helper('enter', e.i32(w / 8), e.op('i32.or', level, e.op('i32.shl', size, e.i32(8)))),
    { sizes: 'stack' },
  ),
  row('61', 'popa', '', (e, x, w) => void x.helper('popa', e.i32(w / 8)), { only: 'legacy' }),
];

const wide =
  (from: 8 | 16, isSigned: boolean): Body =>
  (e, _x, w, value) =>
    isSigned ? e.signExtend(from, w, value) : e.zeroExtend(from, w, value);

export const moves: readonly Row[] = [
  row('88', 'mov', 'Eb=,Gb', move),
  row('89', 'mov', 'Ev=,Gv', move),
  row('8A', 'mov', 'Gb=,Eb', move),
  row('8B', 'mov', 'Gv=,Ev', move),
  row('A0', 'mov', 'Ab=,Ob', move),
  row('A1', 'mov', 'Av=,Ov', move),
  row('A2', 'mov', 'Ob=,Ab', move),
  row('A3', 'mov', 'Ov=,Av', move),
  row('C6 /0', 'mov', 'Eb=,Ib', move),
  row('C7 /0', 'mov', 'Ev=,Iz', move),
  row('86', 'xchg', 'Eb+,Gb+', exchange, { lock: true }),
  row('87', 'xchg', 'Ev+,Gv+', exchange, { lock: true }),
  row('8D', 'lea', 'Gv=,L', (e, _x, w, address) => e.truncate(64, w, address)),
  row('0F B6', 'movzx', 'Gv=,Eb', wide(8, false)),
  row('0F B7', 'movzx', 'Gv=,Ew', wide(16, false)),
  row('0F BE', 'movsx', 'Gv=,Eb', wide(8, true)),
  row('0F BF', 'movsx', 'Gv=,Ew', wide(16, true)),
  row('63', 'movsxd', 'Gv=,Ez', (e, _x, w, value) => (w === 64 ? e.signExtend(32, 64, value) : value), {
    only: 'mode64',
  }),
  row('98', 'cbw', '', extendAccumulator),
  row('99', 'cwd', '', extendIntoData),
  row('9E', 'sahf', '', sahf, { only: 'legacy' }),
  row('9F', 'lahf', '', lahf, { only: 'legacy' }),
  ...requires('lahf64', [
    row('9E', 'sahf', '', sahf, { only: 'mode64' }),
    row('9F', 'lahf', '', lahf, { only: 'mode64' }),
  ]),
  row('FC', 'cld', '', setDirection(false)),
  row('FD', 'std', '', setDirection(true)),
  row('D7', 'xlat', '', (_e, x, _w, form) => void x.helper('xlat', form), { repeats: true, width: 8 }),
  row(
    'D6',
    'salc',
    '',
    (e, x) => {
      x.setRegister(8, 0, e.op('i32.and', e.op('i32.sub', e.i32(0), conditionHolds(e, x.flags(), 2)), e.i32(0xff)));
    },
    { only: 'legacy' },
  ),
  row('NP 0F C3', 'movnti', 'My=,Gy', move),
  ...conditional,
  ...registerRows,
  ...segmentRows,
  ...stackRows,
];
