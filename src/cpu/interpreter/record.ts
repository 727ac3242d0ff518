/**
 * A decoded instruction in linear memory, 16 bytes:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 2 | handler: index in the function table |
 * | 2 | 2 | bits 0-11 page offset of the instruction, bits 12-15 its length |
 * | 4 | 1 | r1, 5: r2, 6: r3 (base of a memory operand): offsets in the vCPU state, or register numbers |
 * | 7 | 1 | how many instructions of its basic block have begun, itself included |
 * | 8 | 4 | displacement, or branch target relative to the page's first byte |
 * | 12 | 4 | immediate, or link of a branch |
 *
 * A basic block's last instruction is followed by a fall-through record, so that every branch not taken, and every
 * block cut short, goes on through a link of its own.
 */
export const record = {
  bytes: 16,
  handler: 0,
  position: 2,
  r1: 4,
  r2: 5,
  r3: 6,
  count: 7,
  displacement: 8,
  immediate: 12,
} as const;

/** Values of a branch's link besides the address of a record. */
export const link = {
  /** Not looked for yet: the target is in the same page. */
  unknown: 0,
  /** Always looked up, because translation of another page may change. */
  lookup: 1,
} as const;

/** Why generated code was left: `layout.exitCode`. */
export const exit = {
  /** `rip` has no decoded code yet. */
  lookup: 0,
  /** The instruction at the exit record faulted; the fault is recorded. */
  fault: 1,
  /** Budget used up or attention wanted; `rip` is where to go on. */
  attention: 2,
  /** As `lookup`, and the link at `exitRecord` may be set to what is found. */
  link: 3,
  /** The second page of a page-crossing instruction has changed: decode again. */
  crossing: 4,
  /** A basic block has run as often as the counter in its first record said; `exitRecord` is that record. */
  hot: 5,
  /** As `fault`, with `rip` and the budget exact already. */
  translatedFault: 6,
} as const;

/**
 * Wasm frames that calls of the guest may pile up. A call that finds none left, and what was returned to without having
 * been called, go through `lookup`: slower, and right all the same.
 */
export const maximumFrames = 64;

/** Where in an exit point of a translated region (see jit/exits.ts) the offset of the instruction begins. */
export const pointOffsetShift = 13;

/**
 * The target cache: where execution goes on, direct-mapped by RIP; 16 bytes an entry. An entry counts while its key is the
 * lookup key of its part of the address space (see layout.ts).
 */
export const targetCache = {
  entries: 16384,
  entryBytes: 16,
  rip: 0,
  key: 8,
  record: 12,
} as const;

/** The jump cache: direct-mapped by address of the code in linear memory; 16 bytes an entry. */
export const jumpCache = {
  entries: 32768,
  entryBytes: 16,
  /** Linear-memory address of the first code byte, u32; 0: empty. */
  address: 0,
  mode: 4,
  record: 8,
} as const;

export const jumpCacheIndex = (address: number): number => (address ^ (address >>> 13)) & (jumpCache.entries - 1);
