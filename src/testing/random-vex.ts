import { type Candidate, type OpcodeMapName, x86OpcodeMaps } from '../cpu/isa/x86/index.ts';
import { isVexMap, vexPrefix } from './vex-prefix.ts';
import type { Random } from './witness/random.ts';

interface VexOpcode {
  readonly map: OpcodeMapName;
  readonly byte: number;
  readonly candidate: Candidate;
}

/** Their memory operand is one for itself: MXCSR, or what many addresses lead to. */
const hasOwnWay = ({ row }: Candidate): boolean => /mxcsr$/.test(row.name) || row.hasVectorIndex === true;

const opcodes: readonly VexOpcode[] = Object.entries(x86OpcodeMaps).flatMap(([map, bytes]) =>
  isVexMap(map as OpcodeMapName)
    ? bytes.flatMap((candidates, byte) =>
        candidates.map((candidate) => ({ map: map as OpcodeMapName, byte, candidate })),
      )
    : [],
);
const plain = opcodes.filter(({ candidate }) => !hasOwnWay(candidate));
const gathers = opcodes.filter(({ candidate }) => candidate.row.hasVectorIndex);

/** All but those that a loop counts and addresses with: RSP, RSI, RDI and R11. */
const registers = [0, 1, 2, 3, 5, 8, 9, 10, 12, 13, 14, 15];
const [rsi, zeroVector] = [6, 15];
const memoryBytes = 0x80;

interface Fields {
  readonly opcode: VexOpcode;
  readonly vvvv: number;
  readonly reg: number;
  readonly rest: readonly number[];
  readonly b: boolean;
  readonly x: boolean;
}

function assemble(random: Random, { opcode, vvvv, reg, rest, b, x }: Fields): number[] {
  const { map, byte, candidate } = opcode;
  const { vex, prefix, row } = candidate;
  const w = vex?.isWide ?? random.oneIn(2);
  const length = vex?.length ?? random.pick([128, 256]);
  const fields = { map, prefix, length, w, register: vex?.usesRegister ? vvvv : 0, r: reg > 7, x, b };
  // Immediates behind a VEX prefix have one byte.
  const immediate = /I|\bl/.test(row.operands) ? [random.below(256)] : [];
  return [...vexPrefix({ ...fields, isLong: random.oneIn(3) }), byte, ...rest, ...immediate];
}

/** An instruction with a VEX prefix that faults on nothing, with the 128 bytes at RSI as its memory. */
export function randomVex(random: Random): number[] {
  if (random.oneIn(20)) return gather(random);
  const opcode = random.pick(plain);
  const { hasModrm, modrm, digit, allowsRegister, allowsMemory } = opcode.candidate;
  const [reg, rm, vvvv] = [random.pick(registers), random.pick(registers), random.pick(registers)];
  if (!hasModrm || modrm !== undefined) {
    return assemble(random, { opcode, vvvv, reg: 0, rest: hasModrm ? [modrm ?? 0] : [], b: false, x: false });
  }
  const isMemory = allowsMemory && (!allowsRegister || random.oneIn(3));
  const field = ((digit ?? reg) & 7) << 3;
  const rest = isMemory ? [0x40 | field | rsi, 32 * random.below(memoryBytes / 32)] : [0xc0 | field | (rm & 7)];
  return assemble(random, { opcode, vvvv, reg: digit ?? reg, rest, b: !isMemory && rm > 7, x: false });
}

/** Of many times the same element, by an index of zeros. */
function gather(random: Random): number[] {
  const opcode = random.pick(gathers);
  const candidates = registers.filter((number) => number !== zeroVector);
  const reg = random.pick(candidates);
  const vvvv = random.pick(candidates.filter((number) => number !== reg));
  const clear = [0xc4, 0x41, 0x05, 0xef, 0xff]; // vpxor ymm15, ymm15, ymm15
  const sib = (random.below(4) << 6) | ((zeroVector & 7) << 3) | rsi;
  return [...clear, ...assemble(random, { opcode, vvvv, reg, rest: [((reg & 7) << 3) | 4, sib], b: false, x: true })];
}
