import type { WitnessMode } from './case.ts';
import type { WitnessUnit } from './encodings.ts';

export interface Recording {
  /** File in fixtures/witness, without its extension. */
  readonly name: string;
  readonly mode: WitnessMode;
  readonly units: readonly WitnessUnit[];
  readonly sequences: number;
  /** Floating point of SSE with any MXCSR. */
  readonly hasFloats?: boolean;
  /** Only what not every x86-64 processor has. */
  readonly extensions?: boolean;
  /** Only rows of these names. */
  readonly names?: string;
}

const conditions = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');
const withConditions = conditions.flatMap((condition) => [`j${condition}`, `set${condition}`, `cmov${condition}`]);
/** Rows with forms that random draws leave out. */
const rareForms =
  'vcvtsi2ss vcvtss2si vcvtsd2si vpaddq vpcmpgtd vmovd vpunpcklqdq vphminposuw vpcmpistri vaddpd vmovdqa ' +
  'vshufpd vmovddup vpackuswb vpunpckhbw vpmulld vpgatherdd vpgatherqd vpgatherqq vcvtsi2sd vpmaxsw vpslld ' +
  'vmovq vpshufd vpshufb vpcmpeqq vpackusdw vpinsrd vorps vandnpd vmovupd vblendpd vpand vpandn vpunpcklwd ' +
  'vpshuflw vinserti128 vpsrlvd vpgatherdq vgatherdps vfmsubadd132ps';

/** What is recorded; 2.2 MB in all. */
export const recordings: readonly Recording[] = [
  { name: 'ok-integer-64', mode: 64, units: ['integer'], sequences: 8000 },
  { name: 'ok-integer-32', mode: 32, units: ['integer'], sequences: 6000 },
  { name: 'ok-integer-16', mode: 16, units: ['integer'], sequences: 3500 },
  { name: 'ok-vector-64', mode: 64, units: ['sse', 'mmx'], sequences: 4500 },
  { name: 'ok-vector-32', mode: 32, units: ['sse', 'mmx'], sequences: 1500 },
  { name: 'ok-float-64', mode: 64, units: ['sse'], sequences: 3650, hasFloats: true },
  { name: 'ok-extensions-64', mode: 64, units: ['integer', 'sse', 'mmx'], sequences: 3000, extensions: true },
  { name: 'ok-extensions-32', mode: 32, units: ['integer', 'sse', 'mmx'], sequences: 1200, extensions: true },
  {
    name: 'ok-conditions-64',
    mode: 64,
    units: ['integer'],
    sequences: 1000,
    names: `cmp sub add inc dec test cmpxchg ${withConditions.join(' ')}`,
  },
  { name: 'ok-rare-64', mode: 64, units: ['avx'], sequences: 460, names: rareForms },
  { name: 'ok-avx-64', mode: 64, units: ['avx'], sequences: 1700 },
  { name: 'ok-avx-float-64', mode: 64, units: ['avx'], sequences: 500, hasFloats: true },
  {
    name: 'ok-xsave-64',
    mode: 64,
    units: ['xsave', 'sse'],
    sequences: 40,
    hasFloats: true,
    names: 'xsave xsavec xrstor addps',
  },
];
