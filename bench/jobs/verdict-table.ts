import { markdownTable, verdictText } from '../markdown.ts';
import type { Verdict } from './targets.ts';

/** Geometric means and targets as a Markdown table. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  const header = ['programs', 'bits', 'of the quotients', 'beside', 'value', 'target', ''];
  return markdownTable(
    header,
    verdicts.map(({ title, bits, of, other, value, slowest, atLeast, isMet }) => [
      title,
      String(bits),
      of === 'slowest' ? `slowest (${slowest})` : of,
      other,
      value.toFixed(2),
      atLeast === undefined ? '' : `≥ ${atLeast}`,
      verdictText(isMet),
    ]),
  );
}
