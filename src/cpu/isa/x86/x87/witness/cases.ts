/** Random cases for the x87 witness, and the same cases run on our FPU. See oracle.c for the record layout. */
import { flag, layout } from '../../layout.ts';
import { decodeX87, order, X87, x87Helpers } from '../index.ts';

export const caseBytes = 128;
export const caseOffset = { image: 0, opcode: 108, modrm: 109, eflags: 110, memory: 112 } as const;
export const outcomeOffset = { image: 0, signal: 108, eflags: 110, memory: 112 } as const;
export const signal = { none: 0, illegal: 4, floatingPoint: 8 } as const;

/** A small generator with a printable seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const edgeExponents = [
  0, 1, 2, 0x3ffe, 0x3fff, 0x4000, 0x403d, 0x403e, 0x403f, 0x7ffd, 0x7ffe, 0x7fff, 0x3f81, 0x3c01, 0x43fe,
];
const edgeSignificands = [
  0n,
  1n,
  1n << 63n,
  (1n << 63n) | 1n,
  3n << 62n,
  (3n << 62n) | 1n,
  (1n << 64n) - 1n,
  (1n << 63n) - 1n,
  1n << 62n,
  0xffffffffffffff00n & ~0xffn,
  0xfffffffffffff800n,
  0xffffff0000000000n,
  0x8000000000000400n,
  0x8000008000000000n,
];

type Random = () => number;
const pick = <T>(random: Random, of: readonly T[]): T => of[random() % of.length]!;
const bits64 = (random: Random): bigint => (BigInt(random()) << 32n) | BigInt(random());

function significand(random: Random): bigint {
  const sort = random() % 16;
  if (sort < 3) return pick(random, edgeSignificands);
  const value = bits64(random);
  if (sort < 5) return value;
  const normal = value | (1n << 63n);
  if (sort < 8) return normal & ~0x7ffn;
  if (sort < 10) return normal & ~0xffffffffffn;
  if (sort < 12) return (1n << 63n) | (1n << BigInt(random() % 63));
  return normal;
}

function exponent(random: Random, near: number): number {
  const sort = random() % 16;
  if (sort < 3) return pick(random, edgeExponents);
  if (sort < 4) return random() & 0x7fff;
  if (sort < 5)
    return Math.max(
      0,
      Math.min(0x7fff, pick(random, [0, 0x3c00, 0x3f80, 0x407e, 0x43fe, 0x7fff]) + (random() % 80) - 40),
    );
  if (sort < 10) return Math.max(0, Math.min(0x7ffe, near + (random() % 140) - 70));
  return 0x3fff + (random() % 130) - 65;
}

/** Sixteen bytes of memory operand: integers, singles, doubles, extendeds or decimals of every class. */
function memoryOperand(random: Random, view: DataView, at: number): void {
  for (let i = 0; i < 16; i += 4) view.setUint32(at + i, random(), true);
  switch (random() % 8) {
    case 0: {
      const integer = (1n << BigInt(random() % 64)) + BigInt(random() % 5) - 2n;
      view.setBigInt64(at, BigInt.asIntN(64, random() & 1 ? -integer : integer), true);
      break;
    }
    case 1:
      view.setBigUint64(
        at,
        (BigInt(pick(random, [0, 1, 0x3ff, 0x7fe, 0x7ff, 0x800, 0xfff])) << 52n) |
          pick(random, [0n, 1n, 1n << 51n, (1n << 52n) - 1n, (1n << 51n) + 1n]),
        true,
      );
      break;
    case 2:
      view.setUint32(
        at,
        (pick(random, [0, 1, 0x7f, 0xfe, 0xff, 0x100, 0x1ff]) << 23) |
          pick(random, [0, 1, 0x400000, 0x7fffff, 0x400001]),
        true,
      );
      break;
    case 3:
      view.setFloat64(at, ((random() % 4096) - 2048) / 2 ** (random() % 20), true);
      break;
    case 4:
      view.setFloat32(at, ((random() % 4096) - 2048) / 2 ** (random() % 20), true);
      break;
    case 5:
      for (let i = 0; i < 9; i++) view.setUint8(at + i, ((random() % 10) << 4) | (random() % 10));
      break;
    case 6:
      view.setBigUint64(at, significand(random), true);
      view.setUint16(at + 8, exponent(random, 0x3fff) | (random() & 0x8000), true);
      break;
    default:
  }
}

const image = {
  control: 0,
  status: 4,
  tags: 8,
  instruction: 12,
  opcode: 16,
  data: 20,
  dataSelector: 24,
  registers: 28,
} as const;

/** Fills one case with a random state for the instruction. */
export function makeCase(random: Random, view: DataView, at: number, opcode: number, modrm: number): void {
  const unmasked = random() % 4 === 0 ? 1 << (random() % 6) : random() % 8 === 0 ? random() & 0x3f : 0;
  // Half of all cases in the modes that programs use.
  const modes = random() % 2 === 0 ? pick(random, [2, 3]) : random() & 15;
  view.setUint32(at + image.control, 0xffff0000 + (0x40 | (0x3f & ~unmasked) | (modes << 8)), true);
  const sticky = random() % 4 === 0 ? random() & 0x7f : 0;
  // Pending exceptions now and then; the summary follows from masks.
  const exceptions = random() % 32 === 0 ? sticky : sticky & ~unmasked;
  view.setUint32(at + image.status, 0xffff0000 + ((random() & 0x7f00) | exceptions), true);
  let tags = random() % 8 === 0 ? random() & 0xffff : random() & random() & random() & 0xffff;
  // One free register lets pushes succeed.
  const top = (view.getUint16(at + image.status, true) >> 11) & 7;
  if (random() % 4 !== 0) tags |= 3 << (2 * ((top + 7) & 7));
  view.setUint32(at + image.tags, 0xffff0000 + tags, true);
  view.setUint32(at + image.instruction, 0x11111111, true);
  view.setUint32(at + image.opcode, 0x03330000, true);
  view.setUint32(at + image.data, 0x22222222, true);
  view.setUint32(at + image.dataSelector, 0xffff0000, true);
  let near = 0x3fff;
  for (let i = 0; i < 8; i++) {
    const register = at + image.registers + 10 * i;
    near = exponent(random, near);
    view.setBigUint64(register, significand(random), true);
    view.setUint16(register + 8, near | (random() & 0x8000), true);
  }
  view.setUint8(at + caseOffset.opcode, opcode);
  view.setUint8(at + caseOffset.modrm, modrm);
  view.setUint16(at + caseOffset.eflags, random() & 0x8d5, true);
  memoryOperand(random, view, at + caseOffset.memory);
}

/** Replaces the registers that the instruction doesn't name by 1.0, so that a recording takes little room. */
export function thinCase(cases: Uint8Array, at: number): void {
  const modrm = cases[at + caseOffset.modrm]!;
  const named = modrm >= 0xc0 ? modrm & 7 : 0;
  for (let i = 1; i < 8; i++) {
    if (i === named || (i === 1 && (modrm & 0xf0) === 0xf0)) continue;
    const register = at + image.registers + 10 * i;
    cases.fill(0, register, register + 10);
    cases[register + 7] = 0x80;
    cases[register + 8] = 0xff;
    cases[register + 9] = 0x3f;
  }
  if (modrm >= 0xc0) cases.fill(0, at + caseOffset.memory, at + caseBytes);
}

class Fault extends Error {}

const operandAddress = 0xd1d1d1d1n;
const instructionAddress = 0xf1f1f1f1n;

/** EFLAGS by FCOMI's outcome. */
const flagsOf: Readonly<Record<number, number>> = {
  [order.greater]: 0,
  [order.less]: flag.CF,
  [order.equal]: flag.ZF,
  [order.unordered]: flag.ZF | flag.PF | flag.CF,
};
const conditionFlags: Readonly<Record<string, number>> = { b: flag.CF, e: flag.ZF, be: flag.CF | flag.ZF, u: flag.PF };

/** Our FPU behind the interface of the oracle. */
export class Subject {
  readonly #memory = new ArrayBuffer(0x1000);
  readonly #view = new DataView(this.#memory);
  readonly #bytes = new Uint8Array(this.#memory);
  #image: Uint8Array<ArrayBufferLike> = new Uint8Array(108);
  #flags = 0;
  readonly #fpu = new X87(
    this.#memory,
    {
      read: () => this.#image,
      update: (_linear, _bytes, change) => change(this.#image),
      write: (_linear, data) => {
        this.#image = data;
      },
    },
    {
      raiseMathFault: () => {
        throw new Fault('#MF');
      },
      endMathFault: () => {},
      hasCompaction: true,
      raiseGeneralProtection: () => {
        throw new Fault('#GP');
      },
      addressingForm: () => 0, // The opcode that we pass has it.
    },
  );

  /** Runs the case at `at` in `cases` and writes its outcome to the same place in `outcomes`. */
  run(cases: Uint8Array, outcomes: Uint8Array, at: number): void {
    const fpu = this.#fpu;
    this.#image = cases.slice(at, at + 108);
    x87Helpers.frstor!(fpu, 4, 0, 0);
    const flags = cases[at + caseOffset.eflags]! | (cases[at + caseOffset.eflags + 1]! << 8);
    this.#flags = flags;
    this.#view.setBigUint64(layout.rip, instructionAddress, true);
    this.#view.setBigUint64(layout.ea, operandAddress, true);
    this.#view.setUint16(layout.gpr, 0x5555, true);
    const operand = cases.slice(at + caseOffset.memory, at + caseOffset.memory + 16);
    let caught: number = signal.none;
    const modrm = cases[at + caseOffset.modrm]!;
    try {
      if (!this.#execute(cases[at + caseOffset.opcode]!, modrm >= 0xc0 ? modrm : (modrm & 0x38) | 7, operand)) {
        caught = signal.illegal;
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      caught = signal.floatingPoint;
    }
    this.#finish(outcomes, at, operand, caught);
  }

  #execute(opcode: number, modrm: number, operand: Uint8Array): boolean {
    const decoded = decodeX87(opcode, modrm);
    if (decoded === undefined) return false;
    const { helper, a, b, memory, commit, readsEflags, setsEflags } = decoded;
    if (this.#storesWord(helper, operand)) return true;
    if (memory?.access === 'read') this.#bytes.set(operand.subarray(0, memory.bytes), layout.helper);
    const result = x87Helpers[helper]!(this.#fpu, a, b, readsEflags ? this.#condition(helper) : 0);
    if (setsEflags) this.#flags = flagsOf[result as number]!;
    if (memory?.access === 'write' && result) {
      operand.set(this.#bytes.subarray(layout.helper, layout.helper + memory.bytes));
    }
    if (commit) x87Helpers.x87Commit!(this.#fpu, 0, 0, 0);
    return true;
  }

  /** What generated code does without a helper. */
  #storesWord(helper: string, operand: Uint8Array): boolean {
    const { control, status } = this.#fpu;
    if (helper === 'fnstswAx') this.#view.setUint16(layout.gpr, status, true);
    else if (helper === 'fnstcw' || helper === 'fnstswM16') {
      const word = helper === 'fnstcw' ? control : status;
      operand.set([word & 0xff, word >> 8]);
    } else return false;
    return true;
  }

  /** Whether an FCMOVcc moves. */
  #condition(helper: string): number {
    const [, isNegated = '', name = ''] = /^fcmov(n?)(.*)$/.exec(helper) ?? [];
    const holds = (this.#flags & (conditionFlags[name] ?? 0)) !== 0;
    return Number(holds !== (isNegated !== ''));
  }

  #finish(outcomes: Uint8Array, at: number, operand: Uint8Array, caught: number): void {
    const ax = this.#view.getUint16(layout.gpr, true);
    if (ax !== 0x5555) {
      operand[0] = ax;
      operand[1] = ax >> 8;
    }
    x87Helpers.fnsave!(this.#fpu, 4, 0, 0);
    outcomes.set(this.#image, at);
    outcomes[at + outcomeOffset.signal] = caught;
    outcomes[at + outcomeOffset.signal + 1] = 0;
    outcomes[at + outcomeOffset.eflags] = this.#flags;
    outcomes[at + outcomeOffset.eflags + 1] = this.#flags >> 8;
    outcomes.set(operand, at + outcomeOffset.memory);
  }
}

/** One line for people: state of a case or outcome. */
export function describe(record: Uint8Array, at: number): string {
  const view = new DataView(record.buffer, record.byteOffset + at, caseBytes);
  const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0');
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => {
    const register = image.registers + 10 * i;
    return `${hex(view.getUint16(register + 8, true), 4)}:${hex(view.getBigUint64(register, true), 16)}`;
  });
  const memory = [...record.subarray(at + caseOffset.memory, at + caseBytes)].map((byte) => hex(byte, 2)).join('');
  return (
    `cw ${hex(view.getUint16(0, true), 4)} sw ${hex(view.getUint16(4, true), 4)} tw ${hex(view.getUint16(8, true), 4)} ` +
    `fip ${hex(view.getUint32(12, true), 8)} fop ${hex(view.getUint16(18, true), 4)} fdp ${hex(view.getUint32(20, true), 8)} ` +
    `[108] ${hex(view.getUint16(108, true), 4)} fl ${hex(view.getUint16(110, true), 4)} mem ${memory}\n    ${registers.join(' ')}`
  );
}
