import type { Val, WasmEmitter } from '../isa/index.ts';
import { type EffectiveAddress, type Instruction, modeKey, noRegister, ripBase, segment } from '../isa/x86/index.ts';
import type { RegionFrame } from './frame.ts';

/** Whether a memory operand needs its segment's base or limit in this mode. */
export function isSegmented(mode: number, memory: EffectiveAddress): boolean {
  if ((mode & modeKey.codeMask) === modeKey.code64) return false;
  const isPlain = memory.segment !== segment.cs && memory.segment < segment.fs && memory.addressBits === 32;
  return (mode & modeKey.flat) === 0 || !isPlain;
}

/** The effective address, wrapped to its size, of an instruction so many bytes behind the code page's first. */
export function emitEffectiveAddress(
  e: WasmEmitter,
  frame: RegionFrame,
  instruction: Instruction,
  memory: EffectiveAddress,
  offset: number,
): Val {
  const { base, index, scale, addressBits } = memory;
  let address: Val = e.i64(BigInt(memory.displacement) + BigInt(popAdjustment(instruction)));
  if (base === ripBase) {
    const next = e.i64(BigInt(offset + instruction.length));
    address = e.op('i64.add', frame.codePage(), e.op('i64.add', address, next));
  } else if (base !== noRegister) address = e.op('i64.add', frame.register(base), address);
  if (index !== noRegister) {
    address = e.op('i64.add', address, e.op('i64.shl', frame.register(index), e.i64(BigInt(scale))));
  }
  if (addressBits === 64) return address;
  return e.op('i64.and', address, e.i64(addressBits === 16 ? 0xffffn : 0xffffffffn));
}

/** POP to memory computes its address with the stack pointer after the pop (SDM 2B, POP). */
function popAdjustment({ variant, memory }: Instruction): number {
  return variant?.row.name === 'pop_mem' && memory?.base === 4 ? variant.shape.width / 8 : 0;
}
