/** What `npm run coverage` counts, and that it can tell what was executed from what was not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { x86Rows } from '../../src/cpu/isa/x86/index.ts';
import { explanations } from '../../src/testing/coverage/explanations.ts';
import { forms } from '../../src/testing/coverage/forms.ts';
import { FormRecorder } from '../../src/testing/coverage/recorder.ts';
import { judge, measure, reportLines } from '../../src/testing/coverage/report.ts';
import { witnesses } from '../../src/testing/coverage/witnesses.ts';
import { TrapMachine } from '../../src/testing/trap-machine.ts';
import { interpreterEngine } from '../../src/testing/witness/engines.ts';

describe('the forms', () => {
  test('are those of every row', () => {
    const rows = new Set(forms.map(({ row }) => row));

    assert.deepEqual(
      x86Rows.filter((row) => !rows.has(row)),
      [],
    );
  });

  test('have a name each', () => {
    assert.equal(new Set(forms.map(({ id }) => id)).size, forms.length);
  });

  test('without a witness have reasons, each of which is needed', () => {
    assert.deepEqual(
      explanations.filter(({ covers }) => !forms.some(covers)),
      [],
    );
  });
});

describe('a recorder', () => {
  const namesOf = (code: readonly number[]): string[] => {
    const recorder = new FormRecorder();
    new TrapMachine(recorder.wrap(interpreterEngine)).run(code);
    return [...recorder.executed.keys()].map(({ id }) => id);
  };

  test('notes what retired, by width and form', () => {
    // add ecx, eax; add [rsi], cl with RSI = 0, which is mapped
    assert.deepEqual(namesOf([0x01, 0xc1, 0x00, 0x0e]), ['add (01) 32 r32,r32', 'add (00) 8 m8,r8', 'hlt (F4)']);
  });

  test('notes no instruction that faults, and none behind it', () => {
    // mov rax, cr1; nop
    assert.deepEqual(namesOf([0x0f, 0x20, 0xc8, 0x90]), ['hlt (F4)']);
  });

  test('notes an instruction whose meaning is an exception', () => {
    assert.deepEqual(namesOf([0x0f, 0x0b]), ['ud2 (0F 0B)', 'hlt (F4)']);
  });
});

/** As much as the command asks for. */
const leastShare = 0.99;

test('the recorded witnesses cover the definitions', async () => {
  const coverage = await measure();

  assert.ok(judge(coverage).witnessed >= leastShare * forms.length, reportLines(coverage).join('\n'));
});

test('without its witnesses a form is missed', async () => {
  const one = witnesses.filter(({ name }) => name === 'triple-64');

  const verdict = judge(await measure(one));

  assert.ok(verdict.witnessed > 0 && verdict.open.length > forms.length / 2);
  assert.equal(verdict.isEnough, false);
});
