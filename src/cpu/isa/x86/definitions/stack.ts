/** Where the stack is, for instructions that push and pop (SDM 1, 6.2). */

import type { WasmEmitter } from '../../index.ts';
import { bytesOf, type Val, type Width } from '../../index.ts';
import { layout, segment } from '../layout.ts';
import { emitSegmentAddress } from '../segment-address.ts';
import type { X86Target } from '../target.ts';
import { accessKind } from '../tlb-probe.ts';

export interface StackSlot {
  readonly linear: Val;
  /** Moves the stack pointer; call it when nothing can fault any more. */
  commit(): void;
}

export interface StackPointer {
  /** Linear address of the `bytes` bytes that begin `offset` bytes above. */
  linear(offset: number, bytes: number, access: 'read' | 'write'): Val;
  /** Sets rSP to the pointer plus `offset`. */
  moveTo(offset: number): void;
}

/** The stack as seen from rSP or, for LEAVE, from rBP (register 5). */
export function stackPointer(e: WasmEmitter, x: X86Target, from: 4 | 5 = 4): StackPointer {
  if (x.shape.stack === 'segmented') return segmentedPointer(e, x, from);
  const width: Width = x.shape.stack === 'rsp' ? 64 : 32;
  const base = x.register(width, from);
  const at = (offset: number): Val => e.add(width, base, e.constant(width, offset));
  return {
    linear: (offset) => e.zeroExtend(width, 64, at(offset)),
    moveTo: (offset) => x.setRegister(width, 4, at(offset)),
  };
}

/** SS has a base, a limit or 16 bits: a mask in the state says how much of rSP counts, the limit is checked. */
function segmentedPointer(e: WasmEmitter, x: X86Target, from: 4 | 5): StackPointer {
  const mask = x.state('i32', layout.stackMask);
  const register = x.register(32, from);
  const old = x.register(32, 4);
  const at = (offset: number): Val => e.op('i32.and', e.add(32, register, e.i32(offset)), mask);
  return {
    linear: (offset, bytes, access) => {
      const place = e.zeroExtend(32, 64, at(offset));
      const kind = e.i32(accessKind[access]);
      return emitSegmentAddress(e, x, { number: e.i32(segment.ss), kind, bytes: e.i32(bytes), offset: place });
    },
    moveTo: (offset) => {
      const kept = e.op('i32.and', old, e.op('i32.xor', mask, e.i32(-1)));
      x.setRegister(32, 4, e.op('i32.or', kept, at(offset)));
    },
  };
}

/** The slot that a push of this width writes. */
export function pushed(e: WasmEmitter, x: X86Target, width: Width): StackSlot {
  return slot(e, x, { at: -bytesOf(width), moved: -bytesOf(width), bytes: bytesOf(width), access: 'write' });
}

/** The slot that a pop of this width reads. */
export function popped(e: WasmEmitter, x: X86Target, width: Width, extra = 0): StackSlot {
  return slot(e, x, { at: 0, moved: bytesOf(width) + extra, bytes: bytesOf(width), access: 'read' });
}

interface SlotPlace {
  readonly at: number;
  readonly moved: number;
  readonly bytes: number;
  readonly access: 'read' | 'write';
}

function slot(e: WasmEmitter, x: X86Target, { at, moved, bytes, access }: SlotPlace): StackSlot {
  const stack = stackPointer(e, x);
  return { linear: stack.linear(at, bytes, access), commit: () => stack.moveTo(moved) };
}

/** Takes `bytes` (an i32) more off the stack, as RET imm16 does. */
export function release(e: WasmEmitter, x: X86Target, bytes: Val): void {
  if (x.shape.stack === 'rsp') {
    x.setRegister(64, 4, e.op('i64.add', x.register(64, 4), e.op('i64.extend_i32_u', bytes)));
    return;
  }
  const old = x.register(32, 4);
  const mask = x.state('i32', layout.stackMask);
  const kept = e.op('i32.and', old, e.op('i32.xor', mask, e.i32(-1)));
  x.setRegister(32, 4, e.op('i32.or', kept, e.op('i32.and', e.op('i32.add', old, bytes), mask)));
}
