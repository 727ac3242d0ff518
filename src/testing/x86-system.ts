import type { CpuBus, PortSize, SystemHelperName, X86CpuOptions } from '../cpu/isa/x86/system/index.ts';
import { importHelper, systemHelpers, X86Cpu } from '../cpu/isa/x86/system/index.ts';

/** Where the fixture's RAM lies in linear memory: `layout.ram`. */
const ramBase = 0x2000000;
const ramBytes = 0x400000;
const wasmPage = 0x10000;

/** A bus that remembers: MMIO is a sparse array of bytes, each port holds the value written last. */
export class RecordingBus implements CpuBus {
  readonly mmio = new Map<number, number>();
  readonly ports = new Map<number, number>();
  /** Every access, as "read port 60/1", "write mmio fee00000/4=12". */
  readonly log: string[] = [];
  now = 0;
  wallClock = 0;
  cr8 = 0;
  isNumericErrorIgnored = false;
  entropy = 0x0123_4567_89ab_cdefn;
  apicBase = 0xfee00900n;

  readPort(port: number, size: PortSize): number {
    this.log.push(`read port ${port.toString(16)}/${size}`);
    return this.ports.get(port) ?? 0xffffffff;
  }

  writePort(port: number, size: PortSize, value: number): void {
    this.log.push(`write port ${port.toString(16)}/${size}=${value.toString(16)}`);
    this.ports.set(port, value);
  }

  readMmio(gpa: number, size: PortSize): number {
    this.log.push(`read mmio ${gpa.toString(16)}/${size}`);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.mmio.get(gpa + i) ?? 0xff);
    return value;
  }

  writeMmio(gpa: number, size: PortSize, value: number): void {
    this.log.push(`write mmio ${gpa.toString(16)}/${size}=${value.toString(16)}`);
    for (let i = 0; i < size; i++) this.mmio.set(gpa + i, Math.floor(value / 256 ** i) % 256);
  }

  nowNs(): number {
    return this.now;
  }

  wallClockMs(): number {
    return this.wallClock;
  }

  acknowledgeInterrupt(): number {
    return 0;
  }

  readMsr(index: number): bigint | undefined {
    return index === 0x1b ? this.apicBase : undefined;
  }

  writeMsr(index: number, value: bigint): boolean {
    if (index !== 0x1b) return false;
    this.apicBase = value;
    return true;
  }

  readCr8(): number {
    return this.cr8;
  }

  writeCr8(value: number): void {
    this.cr8 = value;
  }

  setFerr(level: boolean): boolean {
    this.log.push(`FERR# ${level ? 1 : 0}`);
    return this.isNumericErrorIgnored;
  }

  readEntropy(): bigint {
    this.log.push('read entropy');
    return this.entropy;
  }
}

/** A processor with 4 MiB of RAM at address 0 and nothing else but a recording bus. */
export class SystemFixture {
  readonly bus = new RecordingBus();
  readonly cpu: X86Cpu;
  /** RAM pages (linear-memory offset >>> 12) that have code, and what was written to them. */
  readonly codePages = new Set<number>();
  readonly codeWrites: number[][] = [];
  readonly ram: DataView;
  readonly readOnlyPages = new Set<number>();

  constructor(options: Pick<X86CpuOptions, 'hypervisor' | 'apicId' | 'cpuCount'> = {}) {
    const pages = (ramBase + ramBytes) / wasmPage;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.ram = new DataView(memory.buffer, ramBase, ramBytes);
    this.cpu = new X86Cpu({
      memory,
      ram: {
        ramOffset: (gpa) => (gpa < ramBytes ? ramBase + gpa : -1),
        isReadOnly: (gpa) => this.readOnlyPages.has(Math.floor(gpa / 4096)),
      },
      bus: this.bus,
      code: {
        hasCode: (page) => this.codePages.has(page),
        written: (offset, length) => this.codeWrites.push([offset - ramBase, length]),
      },
      tscHz: 1e9,
      ...options,
    });
  }

  /** Linear-memory offset of a guest-physical address. */
  host(gpa: number): number {
    return ramBase + gpa;
  }

  /** Runs a helper as generated code does; the fault it raised, if any, as [vector, errorCode]. */
  fault(name: SystemHelperName, a = 0, b = 0, c = 0): [number, number] | undefined {
    importHelper(this.cpu, systemHelpers[name])(a, b, c);
    return this.takeFault();
  }

  /** The recorded fault, forgotten. */
  takeFault(): [number, number] | undefined {
    const { pendingVector, pendingErrorCode } = this.cpu;
    this.cpu.pendingVector = -1;
    this.cpu.state.u32[0x15c / 4] = 0;
    return pendingVector < 0 ? undefined : [pendingVector, pendingErrorCode];
  }

  /** Runs a helper that must not fault; its result. */
  call(name: SystemHelperName, a = 0, b = 0, c = 0): number {
    const result = importHelper(this.cpu, systemHelpers[name])(a, b, c);
    const fault = this.takeFault();
    if (fault) throw new Error(`${name} raised vector ${fault[0]} with code 0x${fault[1].toString(16)}`);
    return result;
  }

  /** The i64 argument of helpers with a memory operand. */
  setArgument(value: bigint): void {
    this.cpu.state.u64[0x180 / 8] = BigInt.asUintN(64, value);
  }

  write64(at: number, value: bigint): void {
    this.ram.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  write32(at: number, value: number): void {
    this.ram.setUint32(at, value, true);
  }

  write16(at: number, value: number): void {
    this.ram.setUint16(at, value, true);
  }

  read64(at: number): bigint {
    return this.ram.getBigUint64(at, true);
  }

  read32(at: number): number {
    return this.ram.getUint32(at, true);
  }

  read16(at: number): number {
    return this.ram.getUint16(at, true);
  }

  /** `count` values upwards from an address, `bytes` each. */
  frame(at: number, bytes: 2 | 4 | 8, count: number): string[] {
    return Array.from({ length: count }, (_, i) => {
      const from = at + i * bytes;
      if (bytes === 8) return this.read64(from).toString(16);
      return (bytes === 4 ? this.read32(from) : this.read16(from)).toString(16);
    });
  }
}

/** A segment descriptor from its base, limit field, and attributes (bits 40-55 without the limit). */
export function segmentDescriptor(base: number, limit: number, attributes: number): bigint {
  const low = (BigInt(limit & 0xffff) | (BigInt(base & 0xffff) << 16n)) & 0xffffffffn;
  const high =
    BigInt((base >>> 16) & 0xff) |
    (BigInt(attributes) << 8n) |
    (BigInt((limit >>> 16) & 15) << 16n) |
    (BigInt(base >>> 24) << 24n);
  return low | (high << 32n);
}

/** An 8-byte gate: type includes DPL and present bits. */
export function gateDescriptor(selector: number, offset: number, type: number, parameters = 0): bigint {
  const low = BigInt(offset & 0xffff) | (BigInt(selector) << 16n);
  const high = BigInt(parameters) | (BigInt(type) << 8n) | (BigInt(offset >>> 16) << 16n);
  return low | (high << 32n);
}

/** Selectors of the table that `PcSystem` writes. */
export const selectors = {
  code64: 0x08,
  data: 0x10,
  code32: 0x18,
  userCode32: 0x23,
  userData: 0x2b,
  userCode64: 0x33,
  tss: 0x38,
  code16: 0x48,
  notPresent: 0x50,
  expandDown: 0x58,
  conforming: 0x60,
  readOnly: 0x68,
} as const;

/** Physical addresses of what `enterLong64` and `enterProtected32` set up. */
export const places = {
  gdt: 0x1000,
  idt: 0x2000,
  tss: 0x3000,
  /** Top of the stack of level 0 in the TSS, and of IST 1. */
  kernelStack: 0x9000,
  interruptStack: 0xa000,
  stack: 0xb000,
  userStack: 0xc000,
  code: 0xd000,
  pageTables: 0x10000,
} as const;

function writeTables(fixture: SystemFixture, tssAttributes: number): void {
  const entries: [number, bigint][] = [
    [selectors.code64, segmentDescriptor(0, 0xfffff, 0xa09b)],
    [selectors.data, segmentDescriptor(0, 0xfffff, 0xc093)],
    [selectors.code32, segmentDescriptor(0, 0xfffff, 0xc09b)],
    [selectors.userCode32, segmentDescriptor(0, 0xfffff, 0xc0fb)],
    [selectors.userData, segmentDescriptor(0, 0xfffff, 0xc0f3)],
    [selectors.userCode64, segmentDescriptor(0, 0xfffff, 0xa0fb)],
    [selectors.tss, segmentDescriptor(places.tss, 0xfff, tssAttributes)],
    [selectors.tss + 8, 0n],
    [selectors.code16, segmentDescriptor(0x10000, 0xffff, 0x9b)],
    [selectors.notPresent, segmentDescriptor(0, 0xfffff, 0xc013)],
    [selectors.expandDown, segmentDescriptor(0, 0x0000f, 0xc097)],
    [selectors.conforming, segmentDescriptor(0, 0xfffff, 0xc09f)],
    [selectors.readOnly, segmentDescriptor(0, 0xfffff, 0xc091)],
  ];
  for (const [selector, descriptor] of entries) fixture.write64(places.gdt + (selector & ~7), descriptor);
}

/** 64-bit mode at level 0 with the first 4 MiB mapped onto themselves for everyone, a TSS and an empty IDT. */
export function enterLong64(fixture: SystemFixture): void {
  writeTables(fixture, 0x89);
  const tables = places.pageTables;
  fixture.write64(tables, BigInt(tables + 0x1000 + 7));
  fixture.write64(tables + 0x1000, BigInt(tables + 0x2000 + 7));
  for (let i = 0; i < 2; i++) fixture.write64(tables + 0x2000 + 8 * i, BigInt(i * 0x200000 + 0x87));
  fixture.write64(places.tss + 4, BigInt(places.kernelStack));
  fixture.write64(places.tss + 0x24, BigInt(places.interruptStack));
  const { cpu } = fixture;
  cpu.enter({
    mode: 'long64',
    instructionPointer: places.code,
    registers: { rsp: places.stack },
    gdt: { base: places.gdt, limit: 0xff },
    codeSelector: selectors.code64,
    dataSelector: selectors.data,
    pageTableRoot: tables,
  });
  cpu.state.idtr.base = places.idt;
  cpu.state.idtr.limit = 0xfff;
  fixture.call('ltr', selectors.tss);
}

/** Flat 32-bit protected mode at level 0 without paging, with a 32-bit TSS and an empty IDT. */
export function enterProtected32(fixture: SystemFixture): void {
  writeTables(fixture, 0x89);
  fixture.write32(places.tss + 4, places.kernelStack);
  fixture.write16(places.tss + 8, selectors.data);
  const { cpu } = fixture;
  cpu.enter({
    mode: 'protected32',
    instructionPointer: places.code,
    registers: { rsp: places.stack },
    gdt: { base: places.gdt, limit: 0xff },
    codeSelector: selectors.code32,
    dataSelector: selectors.data,
  });
  cpu.state.idtr.base = places.idt;
  cpu.state.idtr.limit = 0x7ff;
  fixture.call('ltr', selectors.tss);
}

/** A 64-bit interrupt (type 0x8e) or trap gate. */
export function writeGate64(fixture: SystemFixture, vector: number, offset: bigint, type: number, ist = 0): void {
  const at = places.idt + vector * 16;
  fixture.write64(at, gateDescriptor(selectors.code64, Number(offset & 0xffffffffn), type, ist));
  fixture.write64(at + 8, offset >> 32n);
}

/** A 16- or 32-bit gate. */
export function writeGate(
  fixture: SystemFixture,
  vector: number,
  selector: number,
  offset: number,
  type: number,
): void {
  fixture.write64(places.idt + vector * 8, gateDescriptor(selector, offset, type));
}

/** Goes on at level 3 by IRET, in the mode of the selector. */
export function enterUser(fixture: SystemFixture, codeSelector: number, eflags: number): void {
  const { cpu } = fixture;
  const bytes = cpu.isCode64 ? 8 : 4;
  const frame = [places.code, codeSelector, eflags, places.userStack, selectors.userData];
  frame.forEach((value, i) => {
    const at = places.stack - 0x100 + i * bytes;
    if (bytes === 8) fixture.write64(at, BigInt(value));
    else fixture.write32(at, value);
  });
  cpu.state.setGpr(4, BigInt(places.stack - 0x100));
  fixture.call('iret', bytes);
  cpu.state.rip = cpu.state.nextRip;
}
