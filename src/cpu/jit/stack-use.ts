import { type EffectiveAddress, type Instruction, noRegister, segment } from '../isa/x86/index.ts';
import type { Region } from './region.ts';

const stackPointer = 4;
const framePointer = 5;

/** Which memory operands of a region are near the stack pointer (see RegionMemory). */
export interface StackUse {
  /** Some access is. */
  readonly isUsed: boolean;
  isNear(address: EffectiveAddress): boolean;
}

/** RBP counts only where the code makes it a frame pointer: compilers use it for anything. */
export function stackUseOf({ blocks }: Region): StackUse {
  const instructions = blocks.flatMap((block) => block.instructions.map(({ instruction }) => instruction));
  const hasFrame = instructions.some(setsFramePointer);
  const isNear = ({ base, index, segment: number }: EffectiveAddress): boolean =>
    (base === stackPointer || (hasFrame && base === framePointer)) && index === noRegister && number < segment.fs;
  const isUsed = instructions.some(
    ({ variant, memory }) => variant?.row.usesStack === true || (memory !== undefined && isNear(memory)),
  );
  return { isUsed, isNear };
}

/** MOV RBP, RSP in either encoding, or LEAVE. */
function setsFramePointer({ variant, memory, registers: { rm, reg } }: Instruction): boolean {
  if (!variant || memory) return false;
  const { name, opcode } = variant.row;
  if (name === 'leave') return true;
  if (opcode === '89') return rm === framePointer && reg === stackPointer;
  return opcode === '8B' && reg === framePointer && rm === stackPointer;
}
