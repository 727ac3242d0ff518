/** Every mode bit that changes how bytes decode; part of the key of decoded code. */
export const modeKey = {
  /** Bits 0-1: default code size. */
  code16: 0,
  code32: 1,
  code64: 2,
  codeMask: 3,
  /** SS.B is clear: pushes and pops use SP. Never set in 64-bit mode. */
  stack16: 4,
  /** ES, SS, DS are flat (base 0, limit 4 GiB, writable) and code is 32-bit or less; meaningless in 64-bit mode. */
  flat: 8,
  /** Real or virtual-8086 mode. */
  real: 16,
  /** Stop after each instruction. */
  single: 32,
  /** CR0.TS: x87, MMX and SSE instructions raise #NM. */
  taskSwitched: 64,
  /** CR0.EM: x87 instructions raise #NM, MMX and SSE instructions #UD. */
  emulate: 128,
  /** CR4.OSFXSR is clear: SSE instructions raise #UD. */
  noSse: 256,
  /** Bits 9-10: how many models the processor is below the one that has everything (see features.ts). */
  oneModelLess: 512,
  modelMask: 512 * 3,
  /** CR4.OSXSAVE is clear, or XCR0 has not both of SSE and AVX state: AVX instructions raise #UD. */
  noAvx: 2048,
} as const;
