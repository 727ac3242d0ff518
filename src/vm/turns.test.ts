import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Vcpu, VcpuStop } from '../cpu/index.ts';
import { Turns } from './turns.ts';

/** A vCPU that notes what it is told. */
class FakeVcpu implements Vcpu<null> {
  patience = 0;
  isInterrupted = false;
  isResting = false;
  readonly instructions = 0;
  readonly peer = this;

  makeRoom(patience: number): void {
    this.patience = patience;
  }

  run = (): VcpuStop => ({ kind: 'budget' });
  kick(): void {}
  setInterrupt(): void {}
  nonMaskableInterrupt(): void {}
  setA20(): void {}
  init(): void {}
  startUp(): void {}
  counters = () => ({ instructions: 0 });
  save = () => null;
  restore(): void {}
}

const millisecond = 1e6;
const [budget, halt, spin] = [{ kind: 'budget' }, { kind: 'halt' }, { kind: 'spin' }] as const;

function setUp(count: number) {
  const vcpus = Array.from({ length: count }, () => new FakeVcpu());
  const turns = new Turns(vcpus);
  for (let i = 1; i < count; i++) turns.wake(i);
  /** Runs slices that end as `stopOf` says; who had them. */
  const run = (slices: number, stopOf: (index: number) => VcpuStop, sliceNs = millisecond): number[] =>
    Array.from({ length: slices }, () => {
      const { index } = turns.next();
      turns.took(Math.min(sliceNs, turns.longestNs), stopOf(index));
      return index;
    });
  return { vcpus, turns, run };
}

const times = (turns: readonly number[], index: number): number => turns.filter((each) => each === index).length;

test('vCPUs that are busy share the time evenly', () => {
  const { turns, run } = setUp(4);
  run(4000, () => budget, millisecond / 10);
  for (const { ranNs } of turns.seats) assert.ok(Math.abs(ranNs - 100 * millisecond) <= millisecond, `${ranNs} ns`);
});

test('a vCPU keeps its turn for a while: switching costs something', () => {
  const { run } = setUp(2);
  const order = run(1000, () => budget, millisecond / 10);
  const switches = order.filter((index, i) => i > 0 && index !== order[i - 1]).length;
  assert.ok(switches > 50 && switches < 300, `${switches} switches`);
});

test('a vCPU that halts gets no slice until it is woken, and then the next one', () => {
  const { turns, run } = setUp(3);
  run(3, (index) => (index === 1 ? halt : budget));
  run(20, (index) => (index === 1 ? halt : budget));
  assert.equal(
    times(
      run(20, () => budget),
      1,
    ),
    0,
  );
  turns.wake(1);
  assert.deepEqual(
    run(1, () => budget),
    [1],
  );
});

test('sleeping earns a vCPU no more than a short lead', () => {
  const { turns, run } = setUp(2);
  run(100, (index) => (index === 1 ? halt : budget));
  turns.wake(1);
  const order = run(20, () => budget);
  assert.ok(times(order, 0) >= 8, order.join());
});

test('two vCPUs that keep waking each other do not starve a third', () => {
  const { turns, run } = setUp(3);
  const order = run(300, (index) => {
    if (index === 2) return budget;
    turns.wake(1 - index);
    return halt;
  });
  assert.ok(times(order, 2) >= 90, `${times(order, 2)} of 300`);
});

test('a wake-up in its own slice keeps a vCPU awake', () => {
  const { turns } = setUp(1);
  turns.next();
  turns.wake(0);
  turns.took(1, halt);
  assert.equal(turns.isAnyAwake, true);
  turns.next();
  turns.took(1, halt);
  assert.equal(turns.isAnyAwake, false);
});

test('a vCPU is told to make room when another could run', () => {
  const { vcpus, turns } = setUp(2);
  turns.next();
  assert.ok((vcpus[0]?.patience ?? 0) > 0);
  turns.next();
  turns.took(1, halt);
  const { index } = turns.next();
  assert.equal(vcpus[index]?.patience, 0);
  turns.wake(1 - index);
  assert.ok((vcpus[index]?.patience ?? 0) > 0);
});

test('a vCPU that spins is last, whatever it has used', () => {
  const { run } = setUp(3);
  const order = run(300, (index) => (index === 0 ? spin : budget), millisecond);
  assert.ok(times(order, 0) <= 110, `${times(order, 0)} of 300`);
  assert.ok(!order.some((index, i) => index === 0 && order[i - 1] === 0));
});

test('those that were interrupted answer in short turns, and who waits for them goes on', () => {
  const { vcpus, turns, run } = setUp(4);
  const [asker] = run(1, () => {
    for (const vcpu of vcpus.slice(2)) vcpu.isInterrupted = true;
    return spin;
  });
  assert.equal(asker, 0);
  const answers = [2, 3].map(() => {
    const { index } = turns.next();
    assert.ok(turns.longestNs < millisecond / 10);
    turns.took(turns.longestNs, budget);
    return index;
  });
  assert.deepEqual(answers, [2, 3]);
  assert.deepEqual(
    run(1, () => budget),
    [0],
  );
});

test('whoever holds what the answers wait for gets its turn', () => {
  const { vcpus, run } = setUp(3);
  for (const vcpu of vcpus.slice(0, 2)) vcpu.isInterrupted = true;
  const order = run(60, (index) => (index === 2 ? budget : spin));
  assert.ok(times(order, 2) >= 5, order.join());
});
