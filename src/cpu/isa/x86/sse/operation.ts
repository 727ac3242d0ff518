/** What the whole-instruction helper can do, and how a call of it says so. */
export const operation = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  sqrt: 4,
  min: 5,
  max: 6,
  /** A predicate of `predicate`: all ones or zeros. */
  cmp: 7,
  /** Outcomes in the first word: see `order`. */
  comis: 8,
  ucomis: 9,
  /** From single to double precision, and back. */
  widen: 10,
  narrow: 11,
  /** From integers of 32 or 64 bits, and to them as MXCSR rounds or truncated. */
  fromInt32: 12,
  fromInt64: 13,
  toInt32: 14,
  toInt64: 15,
  truncateToInt32: 16,
  truncateToInt64: 17,
  /** To integers in the same format, as an immediate says: the predicate. */
  round: 18,
  /** A product and a third operand, behind the result; the predicate says which signs change. */
  fused: 19,
  /** Between half and single precision; the predicate is the immediate. */
  fromHalf: 20,
  toHalf: 21,
} as const;
export type OperationName = keyof typeof operation;

/** Outcomes of COMIS and UCOMIS. */
export const order = { greater: 0, less: 1, equal: 2, unordered: 3 } as const;

/**
 * Predicates of CMPPS and its kin (SDM 2A, CMPPD, table 3-1). Outcomes for which one holds are bits: less 1, equal 2, greater 4,
 * unordered 8. Those of predicates 0 to 15, four bits each, are in `table`; 16 to 31 differ in what they signal.
 */
const outcomes: readonly number[] = [2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15];
export const predicates = {
  ordered: 7,
  outcomesOf: (predicate: number): number => outcomes[predicate & 15] ?? 0,
  table: outcomes.reduce((table, bits, i) => table | (BigInt(bits) << BigInt(4 * i)), 0n),
  /** Quiet NaNs are invalid operands too. */
  isSignaling: (predicate: number): boolean => ((predicate ^ (predicate >> 1)) & 1) !== ((predicate >> 4) & 1),
} as const;

/** Width of the floating-point elements, and how many of them there are. */
export interface Elements {
  readonly bits: 32 | 64;
  readonly lanes: 1 | 2 | 4;
}

/** The helper's first parameter. */
export const packCall = (name: OperationName, { bits, lanes }: Elements): number =>
  operation[name] | (bits << 8) | (lanes << 16);
