import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StateError } from '../../../../base/index.ts';
import { enterLong64, enterUser, SystemFixture, selectors } from '../../../../testing/x86-system.ts';
import { attention, layout } from '../layout.ts';

function busyFixture(): SystemFixture {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  enterUser(fixture, selectors.userCode64, 0x246);
  const { state } = fixture.cpu;
  for (let number = 0; number < 16; number++) state.setGpr(number, BigInt(number) * 0x1111_1111_1111_1111n);
  state.lstar.value = 0xffffffff81000000n;
  state.setSegmentBase(4, 0x7fff12345000);
  state.u8.fill(0xa5, layout.xmm, layout.xmm + 256);
  state.tscOffset = -5n;
  return fixture;
}

test('state survives saving, restoring elsewhere and saving again', () => {
  const saved = busyFixture().cpu.saveState();
  const other = new SystemFixture();
  other.cpu.restoreState(JSON.parse(JSON.stringify(saved)));
  assert.deepEqual(other.cpu.saveState(), saved);
  assert.equal(other.cpu.isCode64, true);
  assert.equal(other.cpu.state.word(layout.tlbBank), layout.tlb);
});

test('a halted processor is halted after restoring', () => {
  const fixture = new SystemFixture();
  fixture.call('hlt');
  const other = new SystemFixture();
  other.cpu.restoreState(fixture.cpu.saveState());
  assert.deepEqual(other.cpu.stop, { kind: 'halt' });
});

test('a processor that waits for its start-up message waits after restoring', () => {
  const fixture = new SystemFixture();
  fixture.cpu.init();
  const other = new SystemFixture();
  other.cpu.restoreState(fixture.cpu.saveState());
  assert.deepEqual(other.cpu.stop, { kind: 'wait-for-sipi' });
});

test('debug traps that are due are due after restoring', () => {
  const fixture = busyFixture();
  fixture.cpu.breakpoints.hits = 0x8001;
  fixture.cpu.stepTrap = 'now';
  const saved = fixture.cpu.saveState();
  const other = new SystemFixture();

  other.cpu.restoreState(JSON.parse(JSON.stringify(saved)));

  assert.deepEqual(other.cpu.saveState(), saved);
  assert.equal(other.cpu.state.word(layout.attention) & attention.singleStep, attention.singleStep);
});

const spoiled: [string, unknown][] = [
  ['model', 'v1'],
  ['model', 'v3'],
  ['hypervisor', 'none'],
  ['hypervisor', 'xen'],
  ['kvmClock', { systemTime: '0x1' }],
  ['gpr', []],
  ['rip', 5],
  ['eflags', -1],
  ['cpl', 4],
  ['segments', {}],
  ['ldtr', null],
  ['gdtr', { base: '0x800000000000', limit: 0 }],
  ['cr0', 0x80000000],
  ['cr3', '0x10000000000'],
  ['cr4', 0x80000020],
  ['efer', 0x400],
  ['xcr0', 0],
  ['xcr0', 5],
  ['msrs', {}],
  ['plainMsrs', [[1]]],
  ['plainMsrs', [[0x2ff, '0x1000']]],
  ['xmm', 'zz'],
  ['activity', 'shutdown'],
  ['debugHits', 0x10],
  ['stepPending', 1],
];

for (const [field, value] of spoiled) {
  test(`restoring doubts ${field} ${JSON.stringify(value)}`, () => {
    const saved = { ...busyFixture().cpu.saveState(), [field]: value };
    const { cpu } = new SystemFixture();
    const before = cpu.saveState();
    assert.throws(
      () => cpu.restoreState(saved),
      (error) => error instanceof StateError && error.field.startsWith(field),
    );
    assert.deepEqual(cpu.saveState(), before);
  });
}
