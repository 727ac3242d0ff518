/** What a processor has beyond the first x86-64 ones, and the models that can be chosen (System V psABI for x86-64, 3.1.1). */
import { modeKey } from './mode.ts';

/** Models by how much they have. `v1` to `v3` are the levels of the psABI, `max` is everything that is built. */
export const processorModels = ['v1', 'v2', 'v3', 'max'] as const;
export type ProcessorModel = (typeof processorModels)[number];

/** Why a name is none of a model; undefined: it is. */
export function modelObstacle(name: string): string | undefined {
  if ((processorModels as readonly string[]).includes(name)) return undefined;
  const known = `there are ${processorModels.slice(0, -1).join(', ')} and ${processorModels.at(-1)}`;
  return name === 'v4' ? `AVX-512 is not built yet: ${known}` : known;
}

/** Throws RangeError for what is no model. */
export function checkedModel(name: string): ProcessorModel {
  const obstacle = modelObstacle(name);
  if (obstacle !== undefined) throw new RangeError(`Cannot make processor "${name}": ${obstacle}`);
  return name as ProcessorModel;
}

/** The first model that has a feature. */
const firstModel = {
  cx16: 'v2',
  lahf64: 'v2',
  popcnt: 'v2',
  sse3: 'v2',
  ssse3: 'v2',
  sse41: 'v2',
  sse42: 'v2',
  adx: 'max',
  aes: 'max',
  avx: 'v3',
  avx2: 'v3',
  bmi1: 'v3',
  bmi2: 'v3',
  f16c: 'v3',
  fma: 'v3',
  fsgsbase: 'max',
  lzcnt: 'v3',
  movbe: 'v3',
  pclmulqdq: 'max',
  rdrand: 'max',
  rdseed: 'max',
  sha: 'max',
  xsave: 'v3',
  xgetbv1: 'max',
  xsavec: 'max',
  xsaveopt: 'max',
  xsaves: 'max',
} as const satisfies Readonly<Record<string, ProcessorModel>>;
export type Feature = keyof typeof firstModel;

export const modelHas = (model: ProcessorModel, feature: Feature): boolean =>
  processorModels.indexOf(model) >= processorModels.indexOf(firstModel[feature]);

/** The bits of the mode key that stand for a model: none for the one that has everything. */
export const modelKey = (model: ProcessorModel): number =>
  (processorModels.length - 1 - processorModels.indexOf(model)) * modeKey.oneModelLess;

/** Whether the processor whose mode key this is has a feature. */
export function keyHas(mode: number, feature: Feature): boolean {
  const less = (mode & modeKey.modelMask) / modeKey.oneModelLess;
  return processorModels.length - 1 - less >= processorModels.indexOf(firstModel[feature]);
}
