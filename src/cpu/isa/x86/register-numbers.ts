import type { Instruction } from './instruction.ts';
import { segment } from './layout.ts';
import type { Variant, VariantOperand } from './variant.ts';

const controlRegisters = [0, 2, 3, 4, 8];

/** Segment, control and debug register numbers that do not exist raise #UD. */
export function registersExist(variant: Variant, registers: Instruction['registers']): boolean {
  const isNumber = (operand: VariantOperand): boolean => operand.kind === 'number' && operand.source === 'reg';
  if (!variant.operands.some(isNumber)) return true;
  switch (variant.row.name) {
    case 'mov_from_seg':
      return (registers.reg & 7) < 6;
    case 'mov_to_seg':
      return (registers.reg & 7) < 6 && (registers.reg & 7) !== segment.cs;
    case 'mov_from_cr':
    case 'mov_to_cr':
      return controlRegisters.includes(registers.reg);
    case 'mov_from_dr':
    case 'mov_to_dr':
      return registers.reg < 8;
    default:
      return true;
  }
}
