/** IN, OUT, INS, OUTS and the I/O permission bitmap (SDM 1, 19.5). */
import { flag, segment } from '../layout.ts';
import type { PortSize } from './contract.ts';
import { vector } from './guest-fault.ts';
import {
  checkWritable,
  readLinear8,
  readLinear16,
  readLinear32,
  writeLinear8,
  writeLinear16,
  writeLinear32,
} from './linear-access.ts';
import { bank, currentBank, ioPrivilegeLevel, isCode64, isProtected, isVirtual8086 } from './mode.ts';
import { requireSegmentAddress } from './segment-access.ts';
import { is32BitTss } from './task-segment.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';
import { gprNumber } from './x86-state.ts';

/** Where the TSS keeps the offset of the bitmap; a shorter TSS has none. */
const ioMapBaseAt = 0x66;

function checkPort(cpu: X86Cpu, port: number, bytes: number): void {
  const { state } = cpu;
  if (!isProtected(state) || (!isVirtual8086(state) && state.cpl <= ioPrivilegeLevel(state))) return;
  const { tr } = state;
  if (!is32BitTss(tr.attributes) || tr.limit < ioMapBaseAt + 1) cpu.raise(vector.generalProtection, 0);
  const at = readLinear16(cpu, tr.base + ioMapBaseAt, bank.supervisor) + (port >> 3);
  if (at + 1 > tr.limit) cpu.raise(vector.generalProtection, 0);
  const map = readLinear16(cpu, tr.base + at, bank.supervisor) >> (port & 7);
  if (map & ((1 << bytes) - 1)) cpu.raise(vector.generalProtection, 0);
}

export function portIn(cpu: X86Cpu, port: number, bytes: number): number {
  checkPort(cpu, port & 0xffff, bytes);
  const value = cpu.bus.readPort(port & 0xffff, bytes as PortSize);
  cpu.breakpoints.meetsPort(port & 0xffff, bytes);
  return withinBytes(value, bytes);
}

export function portOut(cpu: X86Cpu, port: number, bytes: number, value: number): void {
  checkPort(cpu, port & 0xffff, bytes);
  cpu.bus.writePort(port & 0xffff, bytes as PortSize, withinBytes(value, bytes));
  cpu.breakpoints.meetsPort(port & 0xffff, bytes);
}

/** Devices may answer with more than was asked for. */
const withinBytes = (value: number, bytes: number): number =>
  bytes === 4 ? value >>> 0 : bytes === 2 ? value & 0xffff : value & 0xff;

/** Iterations that one call does; a longer string leaves RIP at the instruction and is called again. */
const chunk = 1024;

interface StringStep {
  readonly bytes: number;
  readonly form: number;
  readonly pointer: number;
  readonly port: number;
  /** Does one element; throws GuestFault before any effect. */
  transfer(pointer: number): void;
}

const addressBytes = (step: StringStep): number => step.form & 0xff;

/** Counts and pointers move with each element, so that a fault or an interrupt leaves them exact. */
function runString(cpu: X86Cpu, step: StringStep): void {
  const { state } = cpu;
  const isRepeated = (step.form & 0xff00) !== 0;
  const width = addressBytes(step) * 8;
  const counter = BigInt.asUintN(width, state.gpr(gprNumber.rcx));
  if (isRepeated && counter === 0n) return;
  const isWatched = cpu.breakpoints.watchesPort(step.port, step.bytes);
  const isStepped = isWatched || cpu.breakpoints.isStepping || (state.eflagsRest & flag.TF) !== 0;
  const limit = !isRepeated || isStepped ? 1 : counter > chunk ? chunk : Number(counter);
  const stride = state.eflagsRest & flag.DF ? -step.bytes : step.bytes;
  const start = state.gpr(step.pointer);
  let done = 0;
  try {
    for (; done < limit; done++) step.transfer(wrapPointer(start, done * stride, width));
  } finally {
    advance(state, step, start + BigInt(done * stride), counter - BigInt(done));
  }
  cpu.breakpoints.meetsPort(step.port, step.bytes);
  if (!isRepeated || counter === BigInt(done)) return;
  state.nextRip = state.rip;
  cpu.stepTrap = 'repeated';
}

function wrapPointer(start: bigint, distance: number, width: number): number {
  const pointer = start + BigInt(distance);
  return Number(width === 64 ? BigInt.asIntN(64, pointer) : BigInt.asUintN(width, pointer));
}

function advance(state: X86State, step: StringStep, pointer: bigint, counter: bigint): void {
  setPointer(state, step.pointer, addressBytes(step), pointer);
  if (step.form & 0xff00) setPointer(state, gprNumber.rcx, addressBytes(step), counter);
}

function setPointer(state: X86State, gpr: number, bytes: number, value: bigint): void {
  if (bytes === 8) state.setGpr(gpr, BigInt.asUintN(64, value));
  else state.setGprSized(gpr, bytes, Number(BigInt.asUintN(32, value)));
}

const kindWrite = 1;

function stringAddress(cpu: X86Cpu, segmentNumber: number, kind: number, bytes: number, pointer: number): number {
  if (isCode64(cpu.state)) return pointer + cpu.state.segmentBase(segmentNumber);
  return requireSegmentAddress(cpu, segmentNumber | (kind << 8) | (bytes << 16), pointer);
}

/** `form`: address size in bytes, REP in bits 8-15, segment in bits 16-23. */
export function insString(cpu: X86Cpu, bytes: number, form: number): void {
  const { state } = cpu;
  const port = state.gprLow(gprNumber.rdx) & 0xffff;
  checkPort(cpu, port, bytes);
  const bankNumber = currentBank(state);
  const transfer = (pointer: number): void => {
    const at = stringAddress(cpu, segment.es, kindWrite, bytes, pointer);
    checkWritable(cpu, at, bytes, bankNumber);
    const value = cpu.bus.readPort(port, bytes as PortSize);
    if (bytes === 1) writeLinear8(cpu, at, value, bankNumber);
    else if (bytes === 2) writeLinear16(cpu, at, value, bankNumber);
    else writeLinear32(cpu, at, value, bankNumber);
  };
  runString(cpu, { bytes, form, pointer: gprNumber.rdi, port, transfer });
}

export function outsString(cpu: X86Cpu, bytes: number, form: number): void {
  const { state } = cpu;
  const port = state.gprLow(gprNumber.rdx) & 0xffff;
  checkPort(cpu, port, bytes);
  const bankNumber = currentBank(state);
  const transfer = (pointer: number): void => {
    const at = stringAddress(cpu, (form >> 16) & 7, 0, bytes, pointer);
    const value =
      bytes === 1
        ? readLinear8(cpu, at, bankNumber)
        : bytes === 2
          ? readLinear16(cpu, at, bankNumber)
          : readLinear32(cpu, at, bankNumber);
    cpu.bus.writePort(port, bytes as PortSize, value);
  };
  runString(cpu, { bytes, form, pointer: gprNumber.rsi, port, transfer });
}
