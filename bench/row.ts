/** Values of one figure over the repetitions. */
export interface Sample {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly number[];
}

/** What a figure must keep to; with `of`, its ratio to another machine's. */
export type Target =
  | { readonly atMost: number; readonly of?: 'QEMU' | 'v86' }
  | { readonly atLeast: number; readonly of?: never };

/** One line of the report. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly mezz?: Sample | undefined;
  readonly qemu?: Sample | undefined;
  readonly v86?: Sample | undefined;
  readonly native?: Sample | undefined;
  /** Mezz's figure by QEMU's, of runs that followed each other. */
  readonly ratio?: Sample | undefined;
  /** The same by v86's. */
  readonly v86Ratio?: Sample | undefined;
  readonly target?: Target | undefined;
  /** Why figures are missing, or what the target is measured by. */
  readonly note?: string | undefined;
  /** Figures behind these, for the file only. */
  readonly details?: unknown;
}

/** Throws RangeError when there are no values. */
export function sample(values: readonly number[]): Sample {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >>> 1], sorted[sorted.length >>> 1]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new RangeError('Cannot take a median: there are no values');
  }
  return { median: (low + high) / 2, min, max, values };
}

/** Undefined without values. */
export const sampleIfAny = (values: readonly number[]): Sample | undefined =>
  values.length === 0 ? undefined : sample(values);

/** Quotients of pairs that were measured one after the other, which a busy machine slows alike. */
export function ratios(values: readonly number[], others: readonly number[]): Sample | undefined {
  return sampleIfAny(
    values.flatMap((value, i) => {
      const other = others[i];
      return other === undefined || other === 0 ? [] : [value / other];
    }),
  );
}

/** Undefined when there is no target, or nothing to measure by it. */
export function isMet({ mezz, target, ratio, v86Ratio }: Row): boolean | undefined {
  const measured = target?.of === undefined ? mezz : target.of === 'v86' ? v86Ratio : ratio;
  if (!measured || !target) return undefined;
  return 'atMost' in target ? measured.median <= target.atMost : measured.median >= target.atLeast;
}
