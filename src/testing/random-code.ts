import type { Candidate, OpcodeMap, OpcodeMapName } from '../cpu/isa/x86/index.ts';
import { isVexMap, vexPrefix } from './vex-prefix.ts';
import type { Random } from './witness/random.ts';

const prefixes = [0x66, 0x66, 0x67, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x3e, 0x26, 0x36, 0x64, 0x65];
const escapes: Partial<Record<OpcodeMapName, readonly number[]>> = {
  '0F': [0x0f],
  '0F38': [0x0f, 0x38],
  '0F3A': [0x0f, 0x3a],
};

interface DrawnOpcode {
  readonly map: OpcodeMapName;
  readonly candidates: readonly Candidate[];
  readonly bytes: readonly number[];
  /** Prefixes that give it a meaning. */
  readonly mandatory: readonly number[];
}

const mandatoryPrefixes: Readonly<Record<string, readonly number[]>> = { 66: [0x66], F2: [0xf2], F3: [0xf3] };

/** Random instructions from opcodes that some tables define: prefixes, perhaps REX, opcode, then random bytes. */
export class RandomCode {
  readonly #random: Random;
  readonly #is64: boolean;
  readonly #opcodes: readonly DrawnOpcode[];

  /** Opcodes that exist in 64-bit mode, or those outside of it. */
  constructor(random: Random, maps: Readonly<Record<OpcodeMapName, OpcodeMap>>, is64: boolean) {
    const missing = is64 ? 'legacy' : 'mode64';
    this.#random = random;
    this.#is64 = is64;
    this.#opcodes = Object.entries(maps).flatMap(([name, map]) =>
      map.flatMap((all, byte): DrawnOpcode[] => {
        const candidates = all.filter(({ row }) => row.only !== missing);
        const mandatory = candidates.flatMap(({ prefix = '' }) => mandatoryPrefixes[prefix] ?? []);
        const map = name as OpcodeMapName;
        const bytes = [...(escapes[map] ?? []), byte];
        return candidates.length > 0 ? [{ map, candidates, bytes, mandatory: [...new Set(mandatory)] }] : [];
      }),
    );
  }

  /** Sixteen bytes that begin with an instruction. */
  next(): Uint8Array {
    const random = this.#random;
    const opcode = random.pick(this.#opcodes);
    const { map, bytes, mandatory } = opcode;
    if (isVexMap(map)) return this.#filled([...this.#vexPrefix(opcode), ...bytes]);
    const used: number[] = mandatory.length > 0 && !random.oneIn(4) ? [random.pick(mandatory)] : [];
    // Each kind of prefix at most once: disassemblers show a repeated one as an instruction of its own.
    while (random.oneIn(3) && used.length < 4) {
      const prefix = random.pick(prefixes);
      if (!used.some((other) => kindOf(other) === kindOf(prefix))) used.push(prefix);
    }
    const rex = this.#is64 && random.oneIn(2) ? [0x40 | random.below(16)] : [];
    return this.#filled([...used, ...rex, ...bytes]);
  }

  #filled(head: readonly number[]): Uint8Array {
    return Uint8Array.from({ length: 16 }, (_, i) => head[i] ?? this.#random.below(256));
  }

  /** That of an instruction most often, and at times one that makes it none. */
  #vexPrefix({ map, candidates }: DrawnOpcode): number[] {
    const random = this.#random;
    const { prefix, vex } = random.pick(candidates);
    const isAny = random.oneIn(12);
    const any = (): boolean => random.oneIn(2);
    const register = isAny || vex?.usesRegister ? random.below(16) : 0;
    const length = (isAny ? undefined : vex?.length) ?? random.pick([128, 256]);
    const w = (isAny ? undefined : vex?.isWide) ?? any();
    const [r, x, b] = this.#is64 ? [any(), any(), any()] : [false, false, any()];
    // A bit that vvvv shares with LES and LDS.
    const number = this.#is64 ? register : register & 7;
    const used = random.oneIn(6) ? [random.pick([0x67, 0x64, 0x65, 0x2e])] : [];
    return [...used, ...vexPrefix({ map, prefix, length, w, register: number, r, x, b, isLong: any() })];
  }
}

const kindOf = (prefix: number): string => {
  if (prefix === 0xf2 || prefix === 0xf3 || prefix === 0xf0) return prefix === 0xf0 ? 'lock' : 'repeat';
  if (prefix === 0x66 || prefix === 0x67) return prefix === 0x66 ? 'operand' : 'address';
  return 'segment';
};
