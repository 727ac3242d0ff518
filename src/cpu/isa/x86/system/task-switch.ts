/** Hardware task switches outside IA-32e mode (SDM 3A, 8.2-8.4). */
import { flag, layout, segment } from '../layout.ts';
import { checkTarget, setCode } from './code-segment.ts';
import { reloadPageTables } from './control-registers.ts';
import { Descriptor, isNullSelector, readDescriptor, rpl } from './descriptor.ts';
import { vector } from './guest-fault.ts';
import { checkWritable, readLinear16, readLinear32, writeLinear16, writeLinear32 } from './linear-access.ts';
import { bank, refreshMode } from './mode.ts';
import { attribute, cr0, systemType } from './registers.ts';
import { loadDataSegment, readStackDescriptor, setFromDescriptor, virtual8086Attributes } from './segment-load.ts';
import { is32BitTss } from './task-segment.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { X86State } from './x86-state.ts';

/** Where a TSS keeps things; FS and GS (segments 4 and 5) and CR3 exist in the 32-bit form only. */
interface TssFormat {
  readonly bytes: 2 | 4;
  readonly minimumLimit: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
}

const format32: TssFormat = {
  bytes: 4,
  minimumLimit: 0x67,
  ip: 0x20,
  flags: 0x24,
  registers: 0x28,
  segments: 0x48,
  segmentCount: 6,
  ldt: 0x60,
};
const format16: TssFormat = {
  bytes: 2,
  minimumLimit: 0x2b,
  ip: 0x0e,
  flags: 0x10,
  registers: 0x12,
  segments: 0x22,
  segmentCount: 4,
  ldt: 0x2a,
};
const cr3At = 0x1c;
/** Bit 0: a debug trap before the task's first instruction. */
const trapAt = 0x64;
const busyBit = 2 << 8;

export interface TaskSwitch {
  /** Jumps leave the old task, calls and interrupts nest in it, IRET returns from nesting. */
  readonly reason: 'jump' | 'call' | 'return';
  /** `layout.rip` or `layout.nextRip`: where the old task goes on. */
  readonly returnAt: number;
}

interface NewTask {
  readonly cr3: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: readonly number[];
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly isTrapped: boolean;
}

const formatOf = (attributes: number): TssFormat => (is32BitTss(attributes) ? format32 : format16);
const target = new Descriptor();
const loaded = new Descriptor();

/** Switches to the task of a TSS selector, which comes from a gate, a far pointer or the link field of the running TSS. */
export function switchTask(cpu: X86Cpu, selector: number, how: TaskSwitch): void {
  const { state } = cpu;
  readTss(cpu, selector, how.reason === 'return');
  const format = formatOf(target.attributes);
  const task = readTask(cpu, target.base, format);
  if (how.reason === 'call') checkWritable(cpu, target.base, 2, bank.supervisor); // The link field.
  cpu.breakpoints.mayRefuse = false; // From here on the instruction cannot run again.
  saveTask(cpu, how);
  if (how.reason !== 'call') setBusy(cpu, state.tr.selector, false);
  if (how.reason !== 'return') setBusy(cpu, selector, true);
  if (how.reason === 'call') writeLinear16(cpu, target.base, state.tr.selector, bank.supervisor);
  Object.assign(state.tr, { selector, base: target.base, limit: target.limit, attributes: target.attributes | 2 });
  state.cr0 |= cr0.TS;
  startTask(cpu, task, format, how.reason === 'call' ? flag.NT : 0);
}

function readTss(cpu: X86Cpu, selector: number, isReturn: boolean): void {
  const errorCode = selector & 0xfffc;
  const violation = isReturn ? vector.invalidTss : vector.generalProtection;
  const isGlobal = (selector & 4) === 0;
  if (!isGlobal || isNullSelector(selector) || !readDescriptor(cpu, selector, target)) cpu.raise(violation, errorCode);
  const types: readonly number[] = isReturn
    ? [systemType.tss16Busy, systemType.tss32Busy]
    : [systemType.tss16, systemType.tss32];
  if (!target.isSystem || !types.includes(target.type)) cpu.raise(violation, errorCode);
  if (!target.isPresent) cpu.raise(vector.segmentNotPresent, errorCode);
  if (target.limit < formatOf(target.attributes).minimumLimit) cpu.raise(vector.invalidTss, errorCode);
}

/** Everything is read before anything is changed, so that an absent page of the new TSS faults in the old task. */
function readTask(cpu: X86Cpu, base: number, format: TssFormat): NewTask {
  const read = (offset: number): number =>
    format.bytes === 4
      ? readLinear32(cpu, base + offset, bank.supervisor)
      : readLinear16(cpu, base + offset, bank.supervisor);
  return {
    cr3: format.bytes === 4 ? read(cr3At) : 0,
    ip: read(format.ip),
    flags: read(format.flags),
    registers: Array.from({ length: 8 }, (_, i) => read(format.registers + i * format.bytes)),
    selectors: Array.from({ length: format.segmentCount }, (_, i) => read(format.segments + i * format.bytes) & 0xffff),
    ldt: read(format.ldt) & 0xffff,
    isTrapped: format.bytes === 4 && (read(trapAt) & 1) !== 0,
  };
}

function saveTask(cpu: X86Cpu, how: TaskSwitch): void {
  const { state } = cpu;
  const { base, attributes } = state.tr;
  const format = formatOf(attributes);
  const write = format.bytes === 4 ? writeLinear32 : writeLinear16;
  checkWritable(cpu, base + format.ip, format.ldt - format.ip, bank.supervisor);
  const flags = how.reason === 'return' ? state.eflags & ~flag.NT : state.eflags;
  write(cpu, base + format.ip, state.word(how.returnAt), bank.supervisor);
  write(cpu, base + format.flags, flags, bank.supervisor);
  for (let i = 0; i < 8; i++) {
    write(cpu, base + format.registers + i * format.bytes, state.gprLow(i), bank.supervisor);
  }
  for (let i = 0; i < format.segmentCount; i++) {
    writeLinear16(cpu, base + format.segments + i * format.bytes, state.selector(i), bank.supervisor);
  }
}

function setBusy(cpu: X86Cpu, selector: number, isBusy: boolean): void {
  if (!readDescriptor(cpu, selector, loaded)) return;
  const hi = isBusy ? loaded.hi | busyBit : loaded.hi & ~busyBit;
  writeLinear32(cpu, loaded.at + 4, hi, bank.supervisor);
}

/** A TSS may hold anything; reserved bits of EFLAGS stay zero. */
const definedFlags = Object.values(flag).reduce((all, bit) => all | bit);

/** From here on faults belong to the new task. */
function startTask(cpu: X86Cpu, task: NewTask, format: TssFormat, nested: number): void {
  const { state } = cpu;
  cpu.isInNewTask = true;
  state.setNextRipWords(task.ip, 0);
  state.rip = state.nextRip;
  if (format.bytes === 4 && state.cr0 & cr0.PG) reloadPageTables(cpu, task.cr3);
  for (const [number, value] of task.registers.entries()) state.setGprSized(number, format.bytes, value);
  const flags = (task.flags & definedFlags & ~flag.RF) | cpu.breakpoints.resumeFlag(task.flags);
  state.storeEflags(flags | nested | 2);
  if (cpu.breakpoints.leaveTask()) cpu.flushTlb();
  for (let number = 0; number < 6; number++) state.setNullSegment(number, task.selectors[number] ?? 0);
  const isVirtual8086 = (task.flags & flag.VM) !== 0;
  if (isVirtual8086) loadVirtual8086(state, task.selectors); // First: what faults below is in that mode already.
  refreshMode(state);
  loadLdt(cpu, task.ldt);
  if (!isVirtual8086) {
    loadSegments(cpu, task.selectors);
    refreshMode(state);
    checkTarget(cpu, loaded, task.ip, 0);
  }
  cpu.isInNewTask = false;
  if (task.isTrapped) cpu.breakpoints.enterTrappedTask();
}

function loadVirtual8086(state: X86State, selectors: readonly number[]): void {
  for (const [number, selector] of selectors.entries()) {
    state.setSegment(number, selector, selector * 16, 0xffff, virtual8086Attributes);
  }
  state.setWord(layout.cpl, 3);
}

function loadLdt(cpu: X86Cpu, selector: number): void {
  const { ldtr } = cpu.state;
  Object.assign(ldtr, { selector, base: 0, limit: 0, attributes: attribute.unusable });
  if (isNullSelector(selector)) return;
  const isValid =
    (selector & 4) === 0 &&
    readDescriptor(cpu, selector, loaded) &&
    loaded.isSystem &&
    loaded.type === systemType.ldt &&
    loaded.isPresent;
  if (!isValid) cpu.raise(vector.invalidTss, selector & 0xfffc);
  Object.assign(ldtr, { base: loaded.base, limit: loaded.limit, attributes: loaded.attributes });
}

/** In the order of SDM 3A, table 8-1. Leaves the code segment's descriptor in `loaded`. */
function loadSegments(cpu: X86Cpu, selectors: readonly number[]): void {
  const { state } = cpu;
  const codeSelector = selectors[segment.cs] ?? 0;
  const stackSelector = selectors[segment.ss] ?? 0;
  const cpl = rpl(codeSelector);
  if (isNamedCode(cpu, codeSelector) && !isCodeOfLevel(cpl)) cpu.raise(vector.invalidTss, codeSelector & 0xfffc);
  state.setWord(layout.cpl, cpl);
  refreshMode(state);
  const stack = new Descriptor();
  if (isNullSelector(stackSelector)) cpu.raise(vector.invalidTss, 0);
  readStackDescriptor(cpu, stackSelector, cpl, stack, vector.invalidTss);
  setFromDescriptor(cpu, segment.ss, stackSelector, stack);
  for (const number of [segment.es, segment.ds, segment.fs, segment.gs]) {
    loadDataSegment(cpu, number, selectors[number] ?? 0, vector.invalidTss);
  }
  loadCode(cpu, codeSelector, cpl);
}

/** Whether this names a code segment; its descriptor is in `loaded`. */
const isNamedCode = (cpu: X86Cpu, selector: number): boolean =>
  !isNullSelector(selector) && readDescriptor(cpu, selector, loaded) && loaded.isCode;

const isCodeOfLevel = (cpl: number): boolean => (loaded.isConforming ? loaded.dpl <= cpl : loaded.dpl === cpl);

function loadCode(cpu: X86Cpu, selector: number, cpl: number): void {
  if (!isNamedCode(cpu, selector) || !isCodeOfLevel(cpl)) cpu.raise(vector.invalidTss, selector & 0xfffc);
  if (!loaded.isPresent) cpu.raise(vector.segmentNotPresent, selector & 0xfffc);
  setCode(cpu, selector, cpl, loaded);
}

/** IRET with NT set: back to the task in the link field. */
export function returnFromTask(cpu: X86Cpu): void {
  const { tr } = cpu.state;
  const selector = readLinear16(cpu, tr.base, bank.supervisor);
  switchTask(cpu, selector, { reason: 'return', returnAt: layout.nextRip });
}
