/** Bits of control registers and model-specific registers (SDM 3A, 2.5 and 2.2.1). */
import { modelHas, type ProcessorModel } from '../features.ts';

export const cr0 = {
  PE: 1 << 0,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 1 << 31,
} as const;

export const cr4 = {
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  FSGSBASE: 1 << 16,
  PCIDE: 1 << 17,
  OSXSAVE: 1 << 18,
  SMEP: 1 << 20,
  SMAP: 1 << 21,
} as const;

/** Bits of CR4 that a processor knows. */
export function cr4BitsOf(model: ProcessorModel): number {
  const known = Object.values(cr4).reduce((sum, bit) => sum | bit, 0);
  const missing = (modelHas(model, 'fsgsbase') ? 0 : cr4.FSGSBASE) | (modelHas(model, 'xsave') ? 0 : cr4.OSXSAVE);
  return known & ~missing;
}

/** Bits of XCR0 that can be set. */
export const xcr0 = { x87: 1 << 0, sse: 1 << 1, avx: 1 << 2 } as const;
export const xcr0BitsOf = (model: ProcessorModel): number =>
  xcr0.x87 | xcr0.sse | (modelHas(model, 'avx') ? xcr0.avx : 0);

/** What XSETBV accepts (SDM 3A, 2.6): x87 state always, AVX state with SSE state only. */
export function isLegalXcr0(model: ProcessorModel, value: number): boolean {
  const needsSse = (value & xcr0.avx) !== 0 && !(value & xcr0.sse);
  return (value & ~xcr0BitsOf(model)) === 0 && (value & xcr0.x87) !== 0 && !needsSse;
}

/** IA32_DEBUGCTL. LBR is kept and does nothing: there is no stack of last branches. */
export const debugCtl = { LBR: 1 << 0, BTF: 1 << 1 } as const;

export const efer = { SCE: 1 << 0, LME: 1 << 8, LMA: 1 << 10, NXE: 1 << 11 } as const;

/** Attribute words of segments: descriptor bits 40-55 without the limit field, and our own unusable bit. */
export const attribute = {
  accessed: 1,
  /** Data: writable. Code: readable. */
  writable: 2,
  readable: 2,
  /** Data: expand-down. Code: conforming. */
  expandDown: 4,
  conforming: 4,
  code: 8,
  /** Set for code and data, clear for system descriptors. */
  ordinary: 0x10,
  dplShift: 5,
  dpl: 0x60,
  present: 0x80,
  long: 0x2000,
  big: 0x4000,
  granular: 0x8000,
  unusable: 0x10000,
} as const;

/** Types of system descriptors (SDM 3A, table 3-2). */
export const systemType = {
  tss16: 1,
  ldt: 2,
  tss16Busy: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  tss32: 9,
  tss32Busy: 11,
  callGate32: 12,
  interruptGate32: 14,
  trapGate32: 15,
} as const;

export const physicalAddressBits = 40;
