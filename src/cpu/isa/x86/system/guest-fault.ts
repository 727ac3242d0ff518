/** Exception vectors (SDM 3A, table 6-1). */
export const vector = {
  divideError: 0,
  debug: 1,
  nmi: 2,
  breakpoint: 3,
  overflow: 4,
  boundRange: 5,
  invalidOpcode: 6,
  deviceNotAvailable: 7,
  doubleFault: 8,
  invalidTss: 10,
  segmentNotPresent: 11,
  stackFault: 12,
  generalProtection: 13,
  pageFault: 14,
  x87: 16,
  alignmentCheck: 17,
  machineCheck: 18,
  simd: 19,
} as const;

/**
 * In place of a vector: no exception, but an access that is refused, so that its instruction runs as a step of its own (see
 * breakpoints.ts).
 */
export const refused = 0x100;

/** In place of a vector: the processor waits for an interrupt in front of the instruction. */
export const frozen = 0x101;

/** In `errorCode`: the exception pushes none. */
export const noErrorCode = -1;

/**
 * How a helper abandons its instruction. Each processor throws one instance again and again, so that a fault costs
 * no stack capture; it is caught at the import boundary and never escapes to the host.
 */
export class GuestFault extends Error {
  vector = 0;
  errorCode: number = noErrorCode;

  constructor() {
    super('Guest exception');
    this.name = 'GuestFault';
  }
}
