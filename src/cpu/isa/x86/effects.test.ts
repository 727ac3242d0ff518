import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectsOf } from './effects.ts';
import { x86Rows } from './rows.ts';
import { formsOf, operandSizesOf, variantOf } from './variant.ts';

test('of SSE3 and later, only floating point and copies know what is tame of a register they write', () => {
  const knowing = new Set<string>();
  let unknowing = 0;
  for (const row of x86Rows.filter(({ feature, unit }) => feature !== undefined && unit === 'sse')) {
    for (const form of formsOf(row)) {
      for (const operandSize of operandSizesOf(row, 'rsp')) {
        const variant = variantOf(row, { operandSize, form, stack: 'rsp' });
        const written = variant.operands.filter(({ kind, access }) => kind === 'vector' && access !== 'read');
        const { vectorWrites } = effectsOf(variant);
        assert.deepEqual(
          vectorWrites.map(({ operand }) => operand),
          written,
          `${row.name} ${row.operands}`,
        );
        for (const { elements, source } of vectorWrites) {
          if (elements ?? source) knowing.add(row.name);
          else unknowing++;
        }
      }
    }
  }
  const sums = ['addsubpd', 'addsubps', 'haddpd', 'haddps', 'hsubpd', 'hsubps'];
  assert.deepEqual([...knowing].sort(), [...sums, 'dppd', 'dpps', 'roundpd', 'roundps', 'roundsd', 'roundss'].sort());
  assert.ok(unknowing > 50);
});
