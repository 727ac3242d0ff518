import type { StateSchema } from '../../../../base/index.ts';
import { StateError } from '../../../../base/index.ts';
import { type ProcessorModel, processorModels } from '../features.ts';
import { attention, flag, layout, segment } from '../layout.ts';
import { setMxcsr } from '../mxcsr.ts';
import { type HypervisorInterface, hypervisorInterfaces } from '../processor.ts';
import { possibleHits } from './breakpoints.ts';
import { refreshXsave } from './extended-control.ts';
import { noErrorCode } from './guest-fault.ts';
import type { SavedKvmClock } from './kvm.ts';
import { isLegalPat } from './memory-types.ts';
import { refreshMode } from './mode.ts';
import { isLegalPlain } from './msr.ts';
import { cr0, cr4, cr4BitsOf, efer, isLegalXcr0, physicalAddressBits } from './registers.ts';
import { FieldReader } from './state-fields.ts';
import type { X86Cpu } from './x86-cpu.ts';
import type { SystemSegment, TableRegister, X86State } from './x86-state.ts';

/** A segment register; the base is a 64-bit hexadecimal string. */
export interface SavedSegment {
  readonly selector: number;
  readonly base: string;
  readonly limit: number;
  readonly attributes: number;
}

export interface SavedTable {
  readonly base: string;
  readonly limit: number;
}

/** One vCPU between instructions. 64-bit values are strings "0x..."; register files are strings of hexadecimal bytes. */
export interface VcpuState {
  /** It goes on where there is a processor of this model only. */
  readonly model: ProcessorModel;
  readonly hypervisor: HypervisorInterface;
  readonly gpr: readonly string[];
  readonly rip: string;
  readonly eflags: number;
  readonly cpl: number;
  /** ES, CS, SS, DS, FS, GS. */
  readonly segments: readonly SavedSegment[];
  readonly ldtr: SavedSegment;
  readonly tr: SavedSegment;
  readonly gdtr: SavedTable;
  readonly idtr: SavedTable;
  readonly cr0: number;
  readonly cr2: string;
  readonly cr3: string;
  readonly cr4: number;
  readonly efer: number;
  readonly xcr0: number;
  readonly pdptes: readonly string[];
  readonly dr: readonly string[];
  readonly msrs: Readonly<Record<NamedMsr, string>>;
  readonly sysenterCs: number;
  /** Index, value. */
  readonly plainMsrs: readonly (readonly [number, string])[];
  readonly tscOffset: string;
  readonly tscAdjust: string;
  readonly kvmClock: Readonly<Record<keyof SavedKvmClock, string>>;
  readonly xmm: string;
  readonly ymmHigh: string;
  readonly x87: string;
  readonly mxcsr: number;
  readonly nmiBlocked: boolean;
  readonly interruptShadow: boolean;
  /** Bits of DR6 for a #DB trap that comes before the next instruction. */
  readonly debugHits: number;
  /** So does a single-step trap. */
  readonly stepPending: boolean;
  readonly activity: (typeof activities)[number];
}

const namedMsrs = [
  'star',
  'lstar',
  'cstar',
  'sfmask',
  'kernelGsBase',
  'sysenterEsp',
  'sysenterEip',
  'pat',
  'miscEnable',
  'tscAux',
  'specCtrl',
  'debugCtl',
] as const;
type NamedMsr = (typeof namedMsrs)[number];

/** What it does (SDM 3C, 25.4.2, leaves out a shutdown, which ends a VM). */
const activities = ['active', 'halt', 'wait-for-sipi'] as const;

const schemaId = 'x86-vcpu';
const xmmBytes = 256;
/** Registers, control words and pointers: from `layout.x87` up to `layout.mxcsr`. */
const x87Bytes = layout.mxcsr - layout.x87;

export const vcpuSchema: StateSchema<VcpuState> = {
  id: schemaId,
  version: 4,
  decode(version: number, fields: unknown): VcpuState {
    if (version !== 4) throw new StateError(schemaId, 'version', `is ${version}, this program reads 4`);
    return decode(new FieldReader(schemaId, '', fields));
  },
};

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;
const hexAddress = (address: number): string => hex(BigInt(address));
const hexBytes = (state: X86State, at: number, length: number): string =>
  Array.from(state.u8.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, '0')).join('');

export function saveVcpu(cpu: X86Cpu): VcpuState {
  const { state } = cpu;
  const pdpteWords = new BigUint64Array(state.pdptes.buffer);
  return {
    model: cpu.model,
    hypervisor: cpu.hypervisor,
    gpr: Array.from({ length: 16 }, (_, number) => hex(state.gpr(number))),
    rip: hex(state.rip),
    eflags: state.eflags,
    cpl: state.cpl,
    segments: Array.from({ length: 6 }, (_, number) => saveSegment(state, number)),
    ldtr: saveSystemSegment(state.ldtr),
    tr: saveSystemSegment(state.tr),
    gdtr: saveTable(state.gdtr),
    idtr: saveTable(state.idtr),
    cr0: state.cr0 >>> 0,
    cr2: hex(state.cr2.value),
    cr3: hex(state.cr3.value),
    cr4: state.cr4 >>> 0,
    efer: state.efer,
    xcr0: state.xcr0,
    pdptes: Array.from(pdpteWords, hex),
    dr: state.dr.map((register) => hex(register.value)),
    msrs: Object.fromEntries(namedMsrs.map((name) => [name, hex(state[name].value)])) as Record<NamedMsr, string>,
    sysenterCs: state.sysenterCs,
    plainMsrs: [...state.plainMsrs].map(([index, value]) => [index, hex(value)] as const),
    tscOffset: hex(state.tscOffset),
    tscAdjust: hex(state.tscAdjust),
    kvmClock: { systemTime: hex(cpu.kvmClock.save().systemTime), wallClock: hex(cpu.kvmClock.save().wallClock) },
    xmm: hexBytes(state, layout.xmm, xmmBytes),
    ymmHigh: hexBytes(state, layout.ymmHigh, xmmBytes),
    x87: hexBytes(state, layout.x87, x87Bytes),
    mxcsr: state.word(layout.mxcsr),
    nmiBlocked: state.nmiBlocked,
    interruptShadow: state.isInShadow,
    debugHits: cpu.breakpoints.hits,
    stepPending: cpu.stepTrap === 'now',
    activity: activities.find((activity) => activity === cpu.stop?.kind) ?? 'active',
  };
}

function saveSegment(state: X86State, number: number): SavedSegment {
  const base = number < segment.fs ? (state.legacyBase[number] ?? 0) : state.segmentBase(number);
  return {
    selector: state.selector(number),
    base: hexAddress(base),
    limit: state.segmentLimit(number),
    attributes: state.segmentAttributes(number),
  };
}

const saveSystemSegment = ({ selector, base, limit, attributes }: SystemSegment): SavedSegment => ({
  selector,
  base: hexAddress(base),
  limit,
  attributes,
});

const saveTable = ({ base, limit }: TableRegister): SavedTable => ({ base: hexAddress(base), limit });

function decode(fields: FieldReader): VcpuState {
  const msrs = fields.field('msrs');
  const state: VcpuState = {
    model: fields.field('model').oneOf(processorModels),
    hypervisor: fields.field('hypervisor').oneOf(hypervisorInterfaces),
    gpr: fields.list('gpr', 16).map((item) => item.hex64()),
    rip: fields.field('rip').hex64(),
    eflags: fields.field('eflags').integer(0, 0x3fffff),
    cpl: fields.field('cpl').integer(0, 3),
    segments: fields.list('segments', 6).map(decodeSegment),
    ldtr: decodeSegment(fields.field('ldtr')),
    tr: decodeSegment(fields.field('tr')),
    gdtr: decodeTable(fields.field('gdtr')),
    idtr: decodeTable(fields.field('idtr')),
    cr0: fields.field('cr0').integer(0, 0xffffffff),
    cr2: fields.field('cr2').hex64(),
    cr3: fields.field('cr3').hex64(),
    cr4: fields.field('cr4').integer(0, 0xffffffff),
    efer: fields.field('efer').integer(0, 0xffff),
    xcr0: fields.field('xcr0').integer(0, 0xffffffff),
    pdptes: fields.list('pdptes', 4).map((item) => item.hex64()),
    dr: fields.list('dr', 8).map((item) => item.hex64()),
    msrs: Object.fromEntries(namedMsrs.map((name) => [name, msrs.field(name).hex64()])) as Record<NamedMsr, string>,
    sysenterCs: fields.field('sysenterCs').integer(0, 0xffffffff),
    plainMsrs: fields
      .list('plainMsrs')
      .map((item) => [item.element(0).integer(0, 0xffffffff), item.element(1).hex64()] as const),
    tscOffset: fields.field('tscOffset').hex64(),
    tscAdjust: fields.field('tscAdjust').hex64(),
    kvmClock: decodeKvmClock(fields.field('kvmClock')),
    xmm: fields.field('xmm').hexBytes(xmmBytes),
    ymmHigh: fields.field('ymmHigh').hexBytes(xmmBytes),
    x87: fields.field('x87').hexBytes(x87Bytes),
    mxcsr: fields.field('mxcsr').integer(0, 0xffff),
    nmiBlocked: fields.field('nmiBlocked').boolean(),
    interruptShadow: fields.field('interruptShadow').boolean(),
    debugHits: fields.field('debugHits').integer(0, possibleHits),
    stepPending: fields.field('stepPending').boolean(),
    activity: fields.field('activity').oneOf(activities),
  };
  checkConsistency(state);
  return state;
}

const decodeSegment = (fields: FieldReader): SavedSegment => ({
  selector: fields.field('selector').integer(0, 0xffff),
  base: fields.field('base').hexCanonical(),
  limit: fields.field('limit').integer(0, 0xffffffff),
  attributes: fields.field('attributes').integer(0, 0x1ffff),
});

const decodeTable = (fields: FieldReader): SavedTable => ({
  base: fields.field('base').hexCanonical(),
  limit: fields.field('limit').integer(0, 0xffff),
});

const decodeKvmClock = (fields: FieldReader): VcpuState['kvmClock'] => ({
  systemTime: fields.field('systemTime').hex64(),
  wallClock: fields.field('wallClock').hex64(),
});

const implementedEfer = Object.values(efer).reduce((sum, bit) => sum | bit, 0);

/** What the instructions that change these registers would never leave behind. */
function checkConsistency(saved: VcpuState): void {
  const reject = (field: string, reason: string): never => {
    throw new StateError(schemaId, field, reason);
  };
  const isPaging = (saved.cr0 & cr0.PG) !== 0;
  const isLong = (saved.efer & efer.LMA) !== 0;
  if (isPaging && !(saved.cr0 & cr0.PE)) reject('cr0', 'enables paging without protection');
  if (saved.cr4 & ~cr4BitsOf(saved.model))
    reject('cr4', `is 0x${saved.cr4.toString(16)}, with bits that are not implemented`);
  if (saved.efer & ~implementedEfer)
    reject('efer', `is 0x${saved.efer.toString(16)}, with bits that are not implemented`);
  for (const [index, value] of saved.plainMsrs)
    if (!isLegalPlain(index, BigInt(value))) reject('plainMsrs', `has ${value} in register 0x${index.toString(16)}`);
  if (!isLegalPat(BigInt(saved.msrs.pat))) reject('msrs.pat', `is ${saved.msrs.pat}, with types that are none`);
  if (saved.debugHits & ~possibleHits)
    reject('debugHits', `is 0x${saved.debugHits.toString(16)}, with bits that no trap has`);
  if (!isLegalXcr0(saved.model, saved.xcr0)) reject('xcr0', `is 0x${saved.xcr0.toString(16)}, which no XSETBV leaves`);
  if (isLong !== (isPaging && (saved.efer & efer.LME) !== 0)) reject('efer', 'disagrees with cr0 about 64-bit mode');
  if (isLong && !(saved.cr4 & cr4.PAE)) reject('cr4', 'lacks PAE in 64-bit mode');
  if (BigInt(saved.cr3) >> BigInt(physicalAddressBits))
    reject('cr3', `is ${saved.cr3}, beyond the physical address width`);
  if (isLong && saved.eflags & flag.VM) reject('eflags', 'sets VM in 64-bit mode');
  if (!(saved.cr0 & cr0.PE) && saved.cpl !== 0) reject('cpl', `is ${saved.cpl} in real mode`);
  if (saved.eflags & flag.VM && saved.cpl !== 3) reject('cpl', `is ${saved.cpl} in virtual-8086 mode`);
}

/** Checks everything before it changes anything. */
export function restoreVcpu(cpu: X86Cpu, fields: unknown): void {
  const saved = vcpuSchema.decode(vcpuSchema.version, fields);
  if (saved.model !== cpu.model) throw new StateError(schemaId, 'model', `is ${saved.model}, this one is ${cpu.model}`);
  if (saved.hypervisor !== cpu.hypervisor)
    throw new StateError(schemaId, 'hypervisor', `is ${saved.hypervisor}, this one is ${cpu.hypervisor}`);
  const { state } = cpu;
  for (const [number, value] of saved.gpr.entries()) state.setGpr(number, BigInt(value));
  state.rip = BigInt(saved.rip);
  state.nextRip = state.rip;
  state.storeEflags(saved.eflags);
  state.setWord(layout.cpl, saved.cpl);
  restoreSegments(state, saved);
  restoreSystem(state, saved);
  fillBytes(state, layout.xmm, saved.xmm);
  fillBytes(state, layout.ymmHigh, saved.ymmHigh);
  fillBytes(state, layout.x87, saved.x87);
  setMxcsr(state.i32, saved.mxcsr);
  state.setWord(layout.attention, saved.interruptShadow ? attention.shadow : 0);
  state.leaveShadow();
  state.setWord(layout.faulted, 0);
  cpu.pendingVector = -1;
  cpu.pendingErrorCode = noErrorCode;
  cpu.isInNewTask = false;
  cpu.stop = saved.activity === 'active' ? undefined : { kind: saved.activity };
  cpu.kvmClock.restore({
    systemTime: BigInt(saved.kvmClock.systemTime),
    wallClock: BigInt(saved.kvmClock.wallClock),
  });
  cpu.breakpoints.hits = saved.debugHits;
  cpu.breakpoints.refresh();
  cpu.stepTrap = saved.stepPending ? 'now' : undefined;
  cpu.flushTlb();
  refreshMode(state);
  if (saved.debugHits !== 0 || saved.stepPending) cpu.breakpoints.wantStep();
}

const signedAddress = (text: string): number => Number(BigInt.asIntN(64, BigInt(text)));

function restoreSegments(state: X86State, saved: VcpuState): void {
  saved.segments.forEach(({ selector, base, limit, attributes }, number) => {
    state.setSegment(number, selector, signedAddress(base), limit, attributes);
  });
  restoreSystemSegment(state.ldtr, saved.ldtr);
  restoreSystemSegment(state.tr, saved.tr);
  Object.assign(state.gdtr, { base: signedAddress(saved.gdtr.base), limit: saved.gdtr.limit });
  Object.assign(state.idtr, { base: signedAddress(saved.idtr.base), limit: saved.idtr.limit });
}

function restoreSystemSegment(register: SystemSegment, saved: SavedSegment): void {
  Object.assign(register, saved, { base: signedAddress(saved.base) });
}

function restoreSystem(state: X86State, saved: VcpuState): void {
  state.cr0 = saved.cr0 | 0;
  state.cr2.value = BigInt(saved.cr2);
  state.cr3.value = BigInt(saved.cr3);
  state.cr4 = saved.cr4 | 0;
  state.efer = saved.efer;
  state.xcr0 = saved.xcr0;
  refreshXsave(state);
  const pdptes = new BigUint64Array(state.pdptes.buffer);
  for (const [index, value] of saved.pdptes.entries()) pdptes[index] = BigInt(value);
  for (const [index, register] of state.dr.entries()) register.value = BigInt(saved.dr[index] ?? '0x0');
  for (const name of namedMsrs) state[name].value = BigInt(saved.msrs[name]);
  state.sysenterCs = saved.sysenterCs;
  for (const [index, value] of saved.plainMsrs)
    if (state.plainMsrs.has(index)) state.plainMsrs.set(index, BigInt(value));
  state.tscOffset = BigInt.asIntN(64, BigInt(saved.tscOffset));
  state.tscAdjust = BigInt(saved.tscAdjust);
  state.nmiBlocked = saved.nmiBlocked;
}

function fillBytes(state: X86State, at: number, text: string): void {
  for (let i = 0; i < text.length; i += 2) state.u8[at + i / 2] = Number.parseInt(text.slice(i, i + 2), 16);
}
