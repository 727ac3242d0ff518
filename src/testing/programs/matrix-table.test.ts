import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurations, reasonToLeaveOut } from './configurations.ts';
import { matrixTable } from './matrix-table.ts';
import type { GuestProgram, ProgramSuite } from './suite.ts';

const outcome = (name: string, tests: number, failure?: string) => ({ name, tests, failure, seconds: 2, output: '' });

test('a table of configurations has counts, failures and reasons', () => {
  const columns = [
    { title: 'max', outcomes: [outcome('a: one', 12), outcome('a: two', 0, 'it did not end')], leftOut: new Map() },
    {
      title: 'v1',
      outcomes: [outcome('a: one', 12), outcome('b: three', 1)],
      leftOut: new Map([['a: two', 'needs x86-64-v2']]),
    },
  ];

  assert.deepEqual(matrixTable(columns).split('\n'), [
    '                    max   v1',
    'a: one               12   12',
    'a: two           FAILED  (a)',
    'b: three                   1',
    'programs passed       1    2',
    'programs failed       1    0',
    'tests in them        12   13',
    'seconds of a          4    2',
    'seconds of b          0    2',
    'seconds               4    4',
    '(a) needs x86-64-v2',
  ]);
});

const suite = {
  name: 'a',
  bits: [64],
  memoryMiB: 512,
  quick: { 64: [], 32: [] },
  prepare: async () => ({ entries: [], programs: [] }),
} satisfies ProgramSuite;
const program: GuestProgram = { name: 'one', command: 'true', expected: { kind: 'output', text: '' } };

test('a configuration leaves out what it cannot run, with the reason', () => {
  const reasons = (wanted: Partial<GuestProgram>, processors?: number) =>
    Object.fromEntries(
      configurations.flatMap((configuration) => {
        const reason = reasonToLeaveOut(configuration, processors === undefined ? suite : { ...suite, processors }, {
          ...program,
          ...wanted,
        });
        return reason === undefined ? [] : [[configuration.name, reason]];
      }),
    );

  assert.deepEqual(reasons({}), { '32 bits': 'is not run in 32 bits' });
  assert.deepEqual(reasons({ level: 2 }), { '32 bits': 'is not run in 32 bits', v1: 'needs x86-64-v2' });
  assert.deepEqual(reasons({}, 4)['4 vCPUs'], undefined);
  assert.deepEqual(reasons({}, 4).max, 'needs 4 processors');
});
