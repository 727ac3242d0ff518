/** Control instructions: control and status words, environments, FXSAVE, and what MMX does to the FPU. */
import { layout } from '../../layout.ts';
import { modeKey } from '../../mode.ts';
import {
  type EnvironmentFormat,
  environmentBytes,
  readEnvironment,
  readRegisters,
  registerBytes,
  writeEnvironment,
  writeRegisters,
} from '../environment.ts';
import type { X87 } from '../fpu.ts';
import { fxrstor, fxsave } from '../fxsave.ts';
import { emms, enterMmx } from '../mmx.ts';
import { linearAddress } from '../operand.ts';
import { xrstor, xrstors, xsave, xsavec } from '../xsave.ts';
import { operandWord, type X87Helpers } from './helper.ts';

/** `a` is the operand size in bytes, 2 or 4. */
const formatOf = (fpu: X87, a: number): EnvironmentFormat => ({
  isWide: a !== 2,
  isReal: (fpu.words[layout.modeKey >> 2]! & modeKey.real) !== 0,
});

function storeImage(fpu: X87, a: number, withRegisters: boolean): void {
  const format = formatOf(fpu, a);
  const header = environmentBytes(format.isWide);
  const image = new Uint8Array(header + (withRegisters ? registerBytes : 0));
  writeEnvironment(fpu, new DataView(image.buffer), format);
  if (withRegisters) writeRegisters(fpu, image, header, 10);
  fpu.linear.write(linearAddress(fpu), image);
}

function loadImage(fpu: X87, a: number, withRegisters: boolean): void {
  fpu.wait();
  const format = formatOf(fpu, a);
  const header = environmentBytes(format.isWide);
  const image = fpu.linear.read(linearAddress(fpu), header + (withRegisters ? registerBytes : 0));
  readEnvironment(fpu, new DataView(image.buffer, image.byteOffset, image.byteLength), format);
  if (withRegisters) readRegisters(fpu, image, header, 10);
}

export const controlHelpers: X87Helpers = {
  fninit: (fpu) => fpu.initialize(),
  fnclex: (fpu) => fpu.clearExceptions(),
  fldcw: (fpu) => {
    fpu.wait();
    fpu.setControl(fpu.words[operandWord]! & 0xffff);
  },
  fldenv: (fpu, a) => loadImage(fpu, a, false),
  frstor: (fpu, a) => loadImage(fpu, a, true),
  fnstenv: (fpu, a) => {
    storeImage(fpu, a, false);
    fpu.setControl(fpu.control | 0x3f);
  },
  fnsave: (fpu, a) => {
    storeImage(fpu, a, true);
    fpu.initialize();
  },
  fnop: (fpu) => fpu.start(),
  /** FENI, FDISI and FSETPM of older coprocessors, and FRSTPM: nothing. */
  fnoOperation: () => {},
  fwait: (fpu) => {
    fpu.wait();
  },
  fxsave,
  fxrstor,
  xsave,
  xrstor,
  xsavec,
  xrstors,
  enterMmx,
  emms,
};
