import type { Feature } from './features.ts';
import type { Body } from './target.ts';

/**
 * One line of the instruction tables.
 *
 * `opcode` reads like the manual: an optional mandatory prefix (`NP`, `66`, `F3`, `F2`), opcode bytes, then `/digit`,
 * `+r` or a whole ModRM byte (`0F 01 F8`). `VEX.128.66.0F38.W0 58` has a VEX prefix with these fields before the opcode: vector
 * length (`LZ`: must be 0, `LIG`: any), mandatory prefix, opcode map and, when it matters, W (SDM 2A, 3.1.1.2).
 *
 * `operands` are the manual's operand codes (SDM 2D, appendix A.2), each a letter, a size and an access mark:
 *
 * - E: ModRM r/m, register or memory;  M: memory only;  R: register only (of r/m);  G: ModRM reg;  Z: register in the opcode
 * - A: accumulator;  I: immediate;  J: relative target;  O: memory at a direct offset;  L: the effective address itself
 * - N: the linear address of a memory operand;  F: far pointer, immediate offset then selector;  T: ModRM operand that is not touched (Tr: must be a register)
 * - S: number of a segment register;  C: number of a control or debug register;  B, K: number of the general register in r/m, in reg;  k: number of the register in VEX.vvvv
 * - V: XMM by ModRM reg;  W: XMM or memory;  U: XMM by r/m only;  X: XMM0;  P, Q, H: the same for MMX (as an i64)
 * - h, b, l: XMM and general register by VEX.vvvv, XMM by bits 7-4 of an immediate
 * - sizes b, w, d, q: 8 to 64 bits;  v: operand size;  z: 16 or 32 bits, sign-extended to operand size;  y: 32, or 64 with REX.W
 * - sizes of N also: a: two of operand size;  p: operand size and a selector;  c (ours): two of size y
 * - sizes of V, W, U and X, and of M besides the general ones: x: 128 bits, aligned in memory;  u: the same, unaligned;  q, d, w: low bits as integer;  sd, ss: low bits as double, float;
 *   zq, zd: the low bits in a vector that is zero above them, only read;  qq: 256 bits;  qx: the same, aligned in memory.
 *   256 bits come in, and are given back, as two vectors, the low half first
 * - `+` read and written, `=` only written, no mark: only read
 * - immediates: b and w zero-extended, s: 8 bits sign-extended to operand size
 *
 * Departures from the manual: `Is` is ours, the manual writes Ib and says so in the text; N and L stand for M there, H for N;
 * h, b and l for H, B and L.
 */
export interface Row extends RowOptions {
  readonly opcode: string;
  readonly name: string;
  readonly operands: string;
  readonly body: Body;
}

export interface RowOptions {
  /** Legal with LOCK when the destination is memory. */
  readonly lock?: boolean;
  /** Exists only in 64-bit mode, or only outside of it. */
  readonly only?: 'mode64' | 'legacy';
  /** `stack`: 64-bit mode has 64-bit operands by default and no 32-bit ones. `branch`: always 64 bits there. */
  readonly sizes?: 'stack' | 'branch';
  /** The stack pointer's size, and with it `shape.code`, is part of the shape. */
  readonly usesStack?: boolean;
  /** Nothing after it belongs to the same basic block. */
  readonly ends?: boolean;
  /** It ends a basic block, but mostly goes on behind itself, in the same mode. */
  readonly goesOn?: boolean;
  /** Which part of the processor must be on: decides between #UD and #NM when it is off. */
  readonly unit?: 'x87' | 'sse' | 'mmx' | 'xsave' | 'avx';
  /**
   * Address size, REP prefix and segment override come in as a last operand, an i32: bits 0-7 address bytes,
   * 8-15 repeat (0 none, 1 REP/REPE, 2 REPNE), 16-23 segment of the source operand.
   */
  readonly repeats?: boolean;
  /** Its SIB byte has a vector register as its index, which comes in with the form: bits 24-27, the scale in bits 28-29. */
  readonly hasVectorIndex?: boolean;
  /** Its first immediate is how far it shifts or rotates. */
  readonly countsByImmediate?: boolean;
  /** Only a processor that has this knows it: else its encoding means what it meant before, or nothing. */
  readonly feature?: Feature;
  /** The same of its form with 64-bit operands. */
  readonly wideFeature?: Feature;
  /** F2 and F3 make it another instruction, or none. */
  readonly withoutRepeat?: boolean;
  /** REX.B makes it another instruction. */
  readonly withoutRexB?: boolean;
  /** Changes the width that bodies see when no operand says it (bits). */
  readonly width?: 8 | 16 | 32 | 64;
}

export const row = (opcode: string, name: string, operands: string, body: Body, options: RowOptions = {}): Row => ({
  opcode,
  name,
  operands,
  body,
  ...options,
});

/** These rows, for processors that have a feature. */
export const requires = (feature: Feature, rows: readonly Row[]): Row[] => rows.map((each) => ({ ...each, feature }));

export const hex = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
