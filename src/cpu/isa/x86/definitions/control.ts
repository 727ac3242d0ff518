/** Transfers of control (SDM 2, instruction pages named by mnemonic). */
import type { Val, WasmEmitter, Width } from '../../index.ts';
import { conditionHolds } from '../arithmetic-flags.ts';
import { layout } from '../layout.ts';
import { hex, type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { popped, pushed, release } from './stack.ts';

const branch = { sizes: 'branch', ends: true } as const;
const stackBranch = { ...branch, usesStack: true } as const;
const system = { ends: true } as const;

const vectorGeneralProtection = 13;

/** A new RIP from an operand: narrower ones are zero-extended. */
const asRip = (e: WasmEmitter, w: Width, target: Val): Val => e.zeroExtend(w, 64, target);

/** `target`: of an indirect call; when it is illegal, the return address lies below the stack pointer already. */
function pushReturn(e: WasmEmitter, x: X86Target, w: Width, target?: Val): void {
  const stack = pushed(e, x, w);
  x.store(w, stack.linear, e.truncate(64, w, x.nextRip()), 'stack');
  if (target) requireTarget(e, x, w, target);
  stack.commit();
}

const jumpWhen = (e: WasmEmitter, x: X86Target, condition: Val): void => {
  e.when(condition, () => x.jumpRelative());
  x.fallThrough();
};

const jcc =
  (code: number): Body =>
  (e, x) =>
    jumpWhen(e, x, conditionHolds(e, x.flags(), code));

const jumpRelative: Body = (_e, x) => x.jumpRelative();

const callRelative: Body = (e, x, w) => {
  pushReturn(e, x, w);
  x.callRelative();
};

/** The branch itself faults when its target is not canonical, or beyond the limit of the code segment (SDM 2A, JMP). */
function requireTarget(e: WasmEmitter, x: X86Target, w: Width, target: Val): void {
  const extended = (): Val => e.op('i64.shr_s', e.op('i64.shl', target, e.i64(16n)), e.i64(16n));
  const isIllegal =
    w === 64
      ? e.op('i64.ne', extended(), target)
      : e.op('i64.gt_u', asRip(e, w, target), x.state('i64', layout.codeLimit));
  e.when(isIllegal, () => x.raise(vectorGeneralProtection, 0));
}

const jumpIndirect: Body = (e, x, w, target) => {
  requireTarget(e, x, w, target);
  x.jump(asRip(e, w, target));
};

const callIndirect: Body = (e, x, w, target) => {
  pushReturn(e, x, w, target);
  x.call(asRip(e, w, target));
};

const returnNear: Body = (e, x, w) => {
  const stack = popped(e, x, w);
  const target = x.load(w, stack.linear, 'stack');
  requireTarget(e, x, w, target);
  stack.commit();
  x.return(asRip(e, w, target));
};

const returnAndRelease: Body = (e, x, w, bytes) => {
  const stack = popped(e, x, w);
  const target = x.load(w, stack.linear, 'stack');
  requireTarget(e, x, w, target);
  stack.commit();
  release(e, x, bytes);
  x.return(asRip(e, w, target));
};

/** LOOP and JCXZ count in the register of the address size, which comes in as the first bytes of the form operand. */
const countLoop =
  (condition: 'always' | 'zero' | 'not-zero'): Body =>
  (e, x, _w, form) => {
    const addressBytes = e.op('i32.and', form, e.i32(0xff));
    const is64 = e.op('i32.eq', addressBytes, e.i32(8));
    const is16 = e.op('i32.eq', addressBytes, e.i32(2));
    const old = x.register(64, 1);
    const less = e.op('i64.sub', old, e.i64(1n));
    const low32 = e.op('i64.and', less, e.i64(0xffffffffn));
    const low16 = e.op('i64.or', e.op('i64.and', less, e.i64(0xffffn)), e.op('i64.and', old, e.i64(~0xffffn)));
    const counted = e.select(is64, less, e.select(is16, low16, low32));
    x.setRegister(64, 1, counted);
    const significant = e.select(is16, e.op('i64.and', counted, e.i64(0xffffn)), counted);
    let goesOn: Val = e.op('i64.ne', significant, e.i64(0n));
    if (condition !== 'always') {
      goesOn = e.op('i32.and', goesOn, conditionHolds(e, x.flags(), condition === 'zero' ? 4 : 5));
    }
    jumpWhen(e, x, goesOn);
  };

const jumpIfCountZero: Body = (e, x, _w, form) => {
  const addressBytes = e.op('i32.and', form, e.i32(0xff));
  const count = x.register(64, 1);
  const bits = e.op('i64.extend_i32_u', e.op('i32.shl', addressBytes, e.i32(3)));
  const significant = e.op('i64.shl', count, e.op('i64.sub', e.i64(64n), bits));
  jumpWhen(e, x, e.op('i64.eqz', significant));
};

const conditionNames = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const conditionalJumps = conditionNames.flatMap((name, code): Row[] => [
  row(hex(0x70 + code), `j${name}`, 'Jb', jcc(code), branch),
  row(`0F ${hex(0x80 + code)}`, `j${name}`, 'Jz', jcc(code), branch),
]);

/** Far transfers through an m16:16, m16:32 or m16:64 operand: the offset comes first. */
const farIndirect =
  (helper: 'farCall' | 'farJump'): Body =>
  (e, x, w, linear) => {
    const offset = x.load(w, linear);
    const selector = x.load(16, x.wrapAddress(e.op('i64.add', linear, e.i64(BigInt(w / 8)))));
    x.setHelperArgument(e.zeroExtend(w, 64, offset));
    x.helperEnds(helper, selector, e.i32(w / 8));
  };

const farDirect =
  (helper: 'farCall' | 'farJump'): Body =>
  (e, x, w, offset, selector) => {
    const unsigned = e.op('i64.extend_i32_u', w === 16 ? e.op('i32.and', offset, e.i32(0xffff)) : offset);
    x.setHelperArgument(unsigned);
    x.helperEnds(helper, selector, e.i32(w / 8));
  };

export const control: readonly Row[] = [
  ...conditionalJumps,
  row('EB', 'jmp', 'Jb', jumpRelative, branch),
  row('E9', 'jmp', 'Jz', jumpRelative, branch),
  row('E8', 'call', 'Jz', callRelative, stackBranch),
  row('FF /2', 'call_indirect', 'Ev', callIndirect, stackBranch),
  row('FF /4', 'jmp_indirect', 'Ev', jumpIndirect, branch),
  row('C3', 'ret', '', returnNear, stackBranch),
  row('C2', 'ret_imm', 'Iw', returnAndRelease, stackBranch),
  row('E0', 'loopne', 'Jb', countLoop('not-zero'), { ...branch, repeats: true }),
  row('E1', 'loope', 'Jb', countLoop('zero'), { ...branch, repeats: true }),
  row('E2', 'loop', 'Jb', countLoop('always'), { ...branch, repeats: true }),
  row('E3', 'jcxz', 'Jb', jumpIfCountZero, { ...branch, repeats: true }),
  row('EA', 'jmp_far', 'Fv', farDirect('farJump'), { ...system, only: 'legacy' }),
  row('9A', 'call_far', 'Fv', farDirect('farCall'), { ...system, only: 'legacy' }),
  row('FF /5', 'jmp_far_indirect', 'Np', farIndirect('farJump'), system),
  row('FF /3', 'call_far_indirect', 'Np', farIndirect('farCall'), system),
  row('CB', 'ret_far', '', (e, x, w) => x.helperEnds('farReturn', e.i32(w / 8), e.i32(0)), system),
  row('CA', 'ret_far', 'Iw', (e, x, w, bytes) => x.helperEnds('farReturn', e.i32(w / 8), bytes), system),
  row('CF', 'iret', '', (e, x, w) => x.helperEnds('iret', e.i32(w / 8)), system),
  row('CC', 'int3', '', (_e, x) => x.helperEnds('int3'), system),
  row('CD', 'int', 'Ib', (_e, x, _w, vector) => x.helperEnds('interrupt', vector), system),
  row('CE', 'into', '', (_e, x) => x.helperEnds('into'), { ...system, only: 'legacy' }),
  row('F1', 'int1', '', (_e, x) => x.helperEnds('int1'), system),
  row(
    '62',
    'bound',
    'Gv,Na',
    (e, x, w, index, linear) => {
      const at = x.load(w, linear);
      const end = x.load(w, x.wrapAddress(e.op('i64.add', linear, e.i64(BigInt(w / 8)))));
      const signed = (v: Val): Val => e.signExtend(w, 64, v);
      const below = e.op('i64.lt_s', signed(index), signed(at));
      e.when(e.op('i32.or', below, e.op('i64.gt_s', signed(index), signed(end))), () => x.raise(5));
    },
    { only: 'legacy' },
  ),
];
