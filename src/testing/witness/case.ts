import type { FlagEffects } from './effects.ts';
import { places, selectors } from './places.ts';

export type WitnessMode = 64 | 32 | 16;

/** Bytes of the arena that differ from an image. */
export interface Patch {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** For reports: where each instruction of the sequence lies. */
export interface CaseInstruction {
  readonly offset: number;
  readonly length: number;
  readonly name: string;
  /** Of the definition that it was drawn from. */
  readonly family?: string | undefined;
  readonly flags: FlagEffects;
}

/** One instruction sequence with everything that it starts from. */
export interface WitnessCase {
  readonly mode: WitnessMode;
  /** DS and ES are the small data segment instead of a flat one; never in 64-bit mode. */
  readonly hasSmallSegments: boolean;
  readonly image: number;
  readonly patches: readonly Patch[];
  /** Arithmetic flags and DF. */
  readonly eflags: number;
  readonly gpr: readonly bigint[];
  /** FXSAVE image of x87, MMX and SSE state, 512 bytes. */
  readonly vector: Uint8Array | undefined;
  /** MXCSR is one of many and compared, and the XMM registers hold unusual floats. */
  readonly hasFloats: boolean;
  /** Of the vector state and of the registers that no instruction needs: see state-seeds.ts. */
  readonly stateSeed: number;
  readonly codeOffset: number;
  /** A case of 32 bits that was run as 64-bit code: it jumps to where that ends (see host-case.ts). */
  readonly endsAs64?: boolean;
  /** Without the jump that ends it: see `codeBytes`. */
  readonly code: Uint8Array;
  /** EFLAGS bits that are undefined at the end, and at a fault. */
  readonly undefinedAtEnd: number;
  readonly undefinedAtFault: number;
  readonly instructions: readonly CaseInstruction[];
}

/** What a case did. */
export interface WitnessOutcome {
  readonly kind: 'completed' | 'fault' | 'timeout';
  /** Of a fault; 0 otherwise. Error code 0 stands for none too. */
  readonly trap: number;
  readonly errorCode: number;
  readonly cr2: bigint;
  readonly rip: bigint;
  readonly eflags: number;
  readonly gpr: readonly bigint[];
  readonly vector: Uint8Array | undefined;
  readonly differences: readonly Patch[];
}

/** A sequence's bytes and the jump to the finishing stub. */
/** Where a case jumps when it is done; 16-bit code goes by the place of 32 bits. */
export const finishOf = ({ mode, endsAs64 }: WitnessCase): number =>
  mode === 64 || endsAs64 ? places.finish64 : places.finish32;

export function codeBytes(test: WitnessCase): Uint8Array {
  const { mode, code, codeOffset } = test;
  const bytes = new Uint8Array(code.length + endBytes);
  bytes.set(code);
  const view = new DataView(bytes.buffer);
  const at = code.length;
  if (mode === 16) {
    bytes.set([0x66, 0xea], at);
    view.setUint32(at + 2, places.finish32, true);
    view.setUint16(at + 6, selectors.code32, true);
    return bytes;
  }
  const next = places.code + codeOffset + at + 5;
  bytes[at] = 0xe9;
  view.setInt32(at + 1, finishOf(test) - next, true);
  bytes.fill(0xf4, at + 5);
  return bytes;
}
export const endBytes = 8;
