import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WitnessOutcome } from '../../src/testing/witness/case.ts';
import { metControl } from '../../src/testing/witness/host-case.ts';

const pageFaultAt = (cr2: bigint): WitnessOutcome => ({
  kind: 'fault',
  trap: 14,
  errorCode: 4,
  cr2,
  rip: 0x1000_0000n,
  eflags: 2,
  gpr: [],
  vector: undefined,
  differences: [],
});

test('a case that reads what the native program needs for itself is not compared', () => {
  const first = metControl(pageFaultAt(0x0f00_0000n));
  const last = metControl(pageFaultAt(0x0f00_0fffn));
  const before = metControl(pageFaultAt(0x0eff_ffffn));
  const other = metControl({ ...pageFaultAt(0x0f00_0000n), trap: 13 });

  assert.deepEqual([first, last, before, other], [true, true, false, false]);
});
