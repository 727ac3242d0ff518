/** The instruction tables as the generator draws from them. */
import { type Candidate, type OpcodeMapName, x86OpcodeMaps } from '../../cpu/isa/x86/index.ts';
import { exclusions } from './exclusions.ts';

export interface Encoding {
  readonly candidate: Candidate;
  readonly map: OpcodeMapName;
  /** One, or eight for a register in the opcode. */
  readonly opcodes: readonly number[];
  readonly weight: number;
}

export type WitnessUnit = 'integer' | 'sse' | 'mmx' | 'x87' | 'xsave' | 'avx';
export const unitOf = ({ candidate }: Encoding): WitnessUnit => candidate.row.unit ?? 'integer';

/** Fault whenever a program executes them, and end the sequence. */
const alwaysFault = new Set(
  (
    'in out ins outs lgdt lidt lldt ltr lmsw invlpg swapgs clac stac invpcid rdmsr wrmsr hlt cli sti clts invd wbinvd ' +
    'mov_from_cr mov_to_cr mov_from_dr mov_to_dr sysret sysexit ud0 ud1 ud2 int int1 int3'
  ).split(' '),
);

function weightOf(name: string): number {
  if (exclusions[name] !== undefined) return 0;
  if (alwaysFault.has(name)) return 1;
  // Sixteen rows each that differ by their condition only.
  return /^(j|set|cmov)(n?[ospelb]|n?le?|[ab]e?|ge?)$/.test(name) && name !== 'jmp' ? 4 : 12;
}

function collect(): Encoding[] {
  const found = new Map<Candidate, { map: OpcodeMapName; opcodes: number[] }>();
  for (const [map, candidates] of Object.entries(x86OpcodeMaps)) {
    candidates.forEach((list, opcode) => {
      for (const candidate of list) {
        const known = found.get(candidate);
        if (known) known.opcodes.push(opcode);
        else found.set(candidate, { map: map as OpcodeMapName, opcodes: [opcode] });
      }
    });
  }
  return [...found].map(([candidate, place]) => ({ candidate, ...place, weight: weightOf(candidate.row.name) }));
}

export const encodings: readonly Encoding[] = collect();

const floats =
  /^v?(add|sub|mul|div|sqrt|min|max|cmp|u?comis|round)([ps][sd]|[sd])$|^v?(hadd|hsub|addsub|dp)p[sd]$|^v?cvt|^v?(ld|st)mxcsr$|^vf(n?m)(add|sub)|^x(savec?|rstor)$/;

/** Those that MXCSR steers. */
export const floatEncodings: readonly Encoding[] = encodings
  .filter(({ candidate }) => floats.test(candidate.row.name))
  .map((encoding) => ({ ...encoding, weight: encoding.candidate.row.name.endsWith('mxcsr') ? 4 : 12 }));

/** Draws by weight. */
export class EncodingDraw {
  readonly #list: readonly Encoding[];
  readonly #sums: number[] = [];

  constructor(list: readonly Encoding[]) {
    this.#list = list.filter((encoding) => encoding.weight > 0);
    let sum = 0;
    for (const { weight } of this.#list) this.#sums.push((sum += weight));
  }

  get total(): number {
    return this.#sums.at(-1) ?? 0;
  }

  at(number: number): Encoding {
    const index = this.#sums.findIndex((sum) => number < sum);
    const encoding = this.#list[index];
    if (!encoding) throw new RangeError(`Cannot draw encoding ${number} of ${this.total}`);
    return encoding;
  }
}
