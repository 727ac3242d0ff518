import { effectsOf, type Instruction, noRegister, ripBase } from '../isa/x86/index.ts';
import type { Region } from './region.ts';

/** What a region touches: it loads and stores nothing else. */
export interface Usage {
  /** General registers that are read or written: those written are loaded too, since an early exit stores them. */
  readonly read: ReadonlySet<number>;
  readonly written: ReadonlySet<number>;
  readonly usesFlags: boolean;
  readonly writesFlags: boolean;
}

/** Stack instructions name RSP themselves, so the definitions tell all that the encoding does not. */
export function usageOf(region: Region): Usage {
  const read = new Set<number>();
  const written = new Set<number>();
  let usesFlags = false;
  let writesFlags = false;
  for (const { instructions } of region.blocks) {
    for (const { instruction } of instructions) {
      if (!instruction.variant) continue;
      const effects = effectsOf(instruction.variant);
      for (const number of effects.registersRead) read.add(number);
      for (const number of effects.registersWritten) written.add(number);
      usesFlags ||= effects.readsFlags;
      writesFlags ||= effects.writesFlags;
      addOperands(instruction, read, written);
    }
  }
  for (const number of written) read.add(number);
  return { read, written, usesFlags: usesFlags || writesFlags, writesFlags };
}

/** Helpers that the region's code calls. */
export function helpersOf(region: Region): Set<string> {
  const names = new Set<string>();
  for (const { instructions } of region.blocks) {
    for (const { instruction } of instructions) {
      if (!instruction.variant) continue;
      for (const name of effectsOf(instruction.variant).helpers) names.add(name);
      if (instruction.memory) names.add('segmentAddress');
    }
  }
  return names;
}

function addOperands(
  { variant, registers, memory, hasRex }: Instruction,
  read: Set<number>,
  written: Set<number>,
): void {
  if (memory && memory.base !== noRegister && memory.base !== ripBase) read.add(memory.base);
  if (memory && memory.index !== noRegister) read.add(memory.index);
  for (const operand of variant?.operands ?? []) {
    if (operand.kind !== 'register') continue;
    const number = registers[operand.source];
    const isHighByte = operand.width === 8 && !hasRex && number >= 4 && number < 8;
    (operand.access === 'read' ? read : written).add(isHighByte ? number - 4 : number);
  }
}
