/**
 * What is done for guest code outside of generated code, by how long it takes, in units of about 40 ns: a budget of
 * instructions says little about it (see X86Cpu.effort).
 */
export const effort = {
  helper: 4,
  slowAccess: 8,
  /** Into generated code, and what led out of it before. */
  entry: 12,
  decodedInstruction: 25,
  /** Of a region: whole milliseconds are possible. */
  translation: 256,
} as const;
/** Elements of a repeated string instruction for one unit. */
export const elementsPerEffort = 16;
