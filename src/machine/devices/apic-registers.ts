/** Local APIC registers by offset (SDM 3A, table 11-1); the x2APIC MSR is 0x800 + offset / 16. */
export const apicRegister = {
  id: 0x020,
  version: 0x030,
  taskPriority: 0x080,
  processorPriority: 0x0a0,
  eoi: 0x0b0,
  logicalDestination: 0x0d0,
  destinationFormat: 0x0e0,
  spurious: 0x0f0,
  inService: 0x100,
  triggerMode: 0x180,
  request: 0x200,
  afterRequest: 0x280,
  errorStatus: 0x280,
  commandLow: 0x300,
  commandHigh: 0x310,
  lvtTimer: 0x320,
  lvtError: 0x370,
  initialCount: 0x380,
  currentCount: 0x390,
  divide: 0x3e0,
  selfIpi: 0x3f0,
} as const;

/** Entries of the local vector table, in the order of their registers. */
export const lvt = { timer: 0, thermal: 1, performance: 2, lint0: 3, lint1: 4, error: 5 } as const;
export const lvtEntries = 6;

/** Bits of LVT entries (figure 11-8). */
export const lvtBits = {
  vector: 0xff,
  deliveryMode: 0x700,
  remoteIrr: 0x4000,
  level: 0x8000,
  masked: 0x10000,
  timerModeShift: 17,
} as const;

/** What software may write to each entry. */
export const lvtWritable = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const;

export const spuriousBits = { vector: 0xff, enabled: 0x100, writable: 0x3ff } as const;

export const commandBits = {
  vector: 0xff,
  deliveryModeShift: 8,
  logical: 0x800,
  assert: 0x4000,
  level: 0x8000,
  shorthandShift: 18,
  writable: 0xccfff,
} as const;

/** ICR bits 19-18. */
export const shorthand = { none: 0, self: 1, allIncludingSelf: 2, allExcludingSelf: 3 } as const;

/** Error status register (figure 11-9). */
export const apicError = { sendIllegalVector: 0x20, receiveIllegalVector: 0x40, illegalRegister: 0x80 } as const;

/** Version 0x14, six LVT entries, no EOI-broadcast suppression. */
export const apicVersion = 0x14 | ((lvtEntries - 1) << 16);

export const IA32_APIC_BASE = 0x1b;
export const IA32_TSC_DEADLINE = 0x6e0;
export const x2ApicMsrFirst = 0x800;
export const x2ApicMsrLast = 0x8ff;

/** IA32_APIC_BASE. */
export const apicBaseBits = { bootstrap: 1n << 8n, x2Apic: 1n << 10n, enabled: 1n << 11n } as const;
export const defaultApicBase = 0xfee00000;

/** Vectors below are the processor's own. */
export const lowestVector = 16;

/** Registers of the page that x2APIC mode does not have (table 11-6). */
export const x2ApicAbsent: ReadonlySet<number> = new Set([apicRegister.destinationFormat, apicRegister.commandHigh]);
export const x2ApicWriteOnly: ReadonlySet<number> = new Set([apicRegister.eoi, apicRegister.selfIpi]);

export function x2ApicReadOnly(offset: number): boolean {
  const { id, version, processorPriority, logicalDestination, currentCount } = apicRegister;
  if (offset >= apicRegister.inService && offset < apicRegister.afterRequest) return true;
  return [id, version, processorPriority, logicalDestination, currentCount].some((register) => register === offset);
}
