/** XSAVE and its kin (SDM 1, chapter 13). */
import type { Val } from '../../index.ts';
import { layout } from '../layout.ts';
import { type Row, requires, row } from '../row.ts';
import type { Body } from '../target.ts';

const vectorUndefinedOpcode = 6;
const vectorGeneralProtection = 13;
const rax = 0;

/** EDX:EAX chooses among the components of XCR0. REX.W asks for 64-bit pointers. */
const transfer =
  (helper: string): Body =>
  (e, x, w, linear) => {
    const enabled = x.state('i32', layout.xsaveComponents);
    e.when(e.op('i32.eqz', enabled), () => x.raise(vectorUndefinedOpcode));
    x.setHelperArgument(linear as Val);
    x.helper(helper, e.i32(w === 64 ? 1 : 0), e.op('i32.and', x.register(32, rax), enabled));
  };

/** The same at level 0 only, with the components of IA32_XSS, of which there are none. */
const privileged =
  (helper: string): Body =>
  (e, x, w, linear) => {
    const enabled = x.state('i32', layout.xsaveComponents);
    e.when(e.op('i32.eqz', enabled), () => x.raise(vectorUndefinedOpcode));
    e.when(x.state('i32', layout.cpl), () => x.raise(vectorGeneralProtection, 0));
    return transfer(helper)(e, x, w, linear);
  };

const unit = { unit: 'xsave' } as const;

export const extendedState: readonly Row[] = [
  ...requires('xsave', [
    row('NP 0F AE /4', 'xsave', 'Nv', transfer('xsave'), unit),
    row('NP 0F AE /5', 'xrstor', 'Nv', transfer('xrstor'), unit),
    row('NP 0F 01 D0', 'xgetbv', '', (_e, x) => void x.helper('xgetbv')),
    row('NP 0F 01 D1', 'xsetbv', '', (_e, x) => x.helperEnds('xsetbv'), { ends: true }),
  ]),
  // A processor that notes neither what is initial nor what was modified saves everything.
  ...requires('xsaveopt', [row('NP 0F AE /6', 'xsaveopt', 'Nv', transfer('xsave'), unit)]),
  ...requires('xsavec', [row('NP 0F C7 /4', 'xsavec', 'Nv', transfer('xsavec'), unit)]),
  ...requires('xsaves', [
    row('NP 0F C7 /5', 'xsaves', 'Nv', privileged('xsavec'), unit),
    row('NP 0F C7 /3', 'xrstors', 'Nv', privileged('xrstors'), unit),
  ]),
];
