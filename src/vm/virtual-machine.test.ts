import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Timer, TimerQueue } from '../base/index.ts';
import type { Vcpu, VcpuStop } from '../cpu/index.ts';
import type { BoardListeners, CpuInputs } from '../machine/boards/index.ts';
import { ConsoleTap } from './console-tap.ts';
import { VirtualMachine } from './virtual-machine.ts';
import { VmClock } from './vm-clock.ts';
import type { VmEnd } from './vm-end.ts';
import type { VmHost } from './vm-host.ts';

/** A host whose time passes only as the test or the vCPU lets it. */
class FakeHost implements VmHost {
  now = 1e9;
  readonly sleeps: number[] = [];
  readonly #alarms = new Set<{ readonly dueNs: number; readonly callback: () => void }>();

  nowNs(): number {
    return this.now;
  }

  yieldToHost(callback: () => void): void {
    setImmediate(callback);
  }

  sleep(durationNs: number, callback: () => void): () => void {
    this.sleeps.push(durationNs);
    const alarm = { dueNs: this.now + durationNs, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets time pass up to the next alarm. */
  ring(): void {
    const [next] = [...this.#alarms].sort((a, b) => a.dueNs - b.dueNs);
    if (!next) return;
    this.#alarms.delete(next);
    this.now = Math.max(this.now, next.dueNs);
    next.callback();
  }

  wallClockMs = (): number => 0;
  readEntropy = (): bigint => 0n;
  resources = () => ({ processorSeconds: 0, peakRssBytes: 0 });
}

interface Slice {
  readonly budget: number;
  readonly atNs: number;
}

/** A vCPU that does what a script says, one step a slice; then it halts for good. */
class FakeVcpu implements Vcpu<null> {
  readonly slices: Slice[] = [];
  interrupt = false;
  isResting = false;
  kicks = 0;
  readonly #host: FakeHost;
  readonly #script: ((budget: number) => VcpuStop)[];
  #instructions = 0;

  constructor(host: FakeHost, script: ((budget: number) => VcpuStop)[]) {
    this.#host = host;
    this.#script = script;
  }

  get instructions(): number {
    return this.#instructions;
  }

  run(budget: number): VcpuStop {
    this.slices.push({ budget, atNs: this.#host.now });
    this.#instructions += budget;
    // 100 million instructions a second.
    this.#host.now += budget * 10;
    return this.#script.shift()?.(budget) ?? { kind: 'halt' };
  }

  kick(): void {
    this.kicks++;
  }

  setInterrupt(level: boolean): void {
    this.interrupt = level;
  }

  nonMaskableInterrupt(): void {}
  setA20(): void {}
  counters = () => ({ instructions: this.#instructions });
  save = () => null;
  restore(): void {}
}

const budget = (): VcpuStop => ({ kind: 'budget' });
const halt = (): VcpuStop => ({ kind: 'halt' });

function setUp(...script: ((budget: number) => VcpuStop)[]) {
  const host = new FakeHost();
  const vcpu = new FakeVcpu(host, script);
  const clock = new VmClock(host);
  const timers = new TimerQueue(clock);
  const console = new ConsoleTap({ read: () => new Uint8Array(), write: () => {}, onReadable: () => {} }, clock);
  const wires: { listeners: BoardListeners; cpu: CpuInputs | undefined } = { listeners: {}, cpu: undefined };
  const board = {
    connectCpu: (_index: number, inputs: CpuInputs) => {
      wires.cpu = inputs;
    },
    selectCpu: () => {},
    listen: (listeners: BoardListeners) => {
      wires.listeners = listeners;
    },
  };
  const user = { mode: false };
  const vm = new VirtualMachine(
    { engine: vcpu, vcpus: [vcpu], board, timers, clock, console, isInUserMode: () => user.mode },
    host,
  );
  const print = (text: string) => console.write(new TextEncoder().encode(text));
  return { host, vcpu, clock, timers, wires, vm, print, user };
}

const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));

test('a VM ends with power-off when the guest asks for it in the middle of a slice', async () => {
  const { vm, wires, vcpu } = setUp(budget, () => {
    wires.listeners.onPowerOff?.();
    return { kind: 'kicked' };
  });
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'power-off' });
  assert.deepEqual([vm.state, vcpu.slices.length, vcpu.kicks], ['stopped', 2, 1]);
});

test('a VM tells the first of the reasons why it ended', async () => {
  const { vm, wires } = setUp(() => {
    wires.listeners.onDebugExit?.(7);
    wires.listeners.onReset?.();
    return { kind: 'kicked' };
  });
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'debug-exit', status: 7 });
});

for (const [stop, end, state] of [
  [{ kind: 'triple-fault', registers: 'RIP=0' }, { kind: 'triple-fault', registers: 'RIP=0' }, 'stopped'],
  [{ kind: 'unsupported', reason: 'VMX' }, { kind: 'unsupported', reason: 'VMX' }, 'failed'],
] as [VcpuStop, VmEnd, string][]) {
  test(`a VM whose vCPU stops with ${stop.kind} is ${state}`, async () => {
    const { vm } = setUp(() => stop);
    vm.start();
    assert.deepEqual(await vm.ended, end);
    assert.equal(vm.state, state);
  });
}

test('a VM whose engine throws fails with that error', async () => {
  const error = new Error('our own mistake');
  const { vm } = setUp(() => {
    throw error;
  });
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'failed', error });
  assert.equal(vm.state, 'failed');
});

test('a halted VM sleeps until its next timer and serves it at once', async () => {
  const { vm, host, timers, clock, vcpu } = setUp(halt);
  const servedAtNs: number[] = [];
  const timer: Timer = timers.timer(() => servedAtNs.push(clock.nowNs()));
  timer.arm(25e6);
  vm.start();
  await settled();
  assert.equal(vcpu.slices.length, 1);
  assert.equal(host.sleeps.length, 1);
  host.ring();
  await settled();
  assert.deepEqual(servedAtNs, [25e6]);
  assert.equal(vcpu.slices.length, 2);
  vm.stop();
});

test('a halted VM without timers runs again when an interrupt comes from the host', async () => {
  const { vm, vcpu, wires } = setUp(halt);
  vm.start();
  await settled();
  assert.equal(vcpu.slices.length, 1);
  wires.cpu?.setInterrupt(true);
  await settled();
  assert.deepEqual([vcpu.slices.length, vcpu.interrupt], [2, true]);
  vm.stop();
});

test('a busy VM serves a timer within 100 µs of its deadline', async () => {
  const busy = Array.from({ length: 200 }, () => budget);
  const { vm, timers, clock } = setUp(...busy);
  const lateNs: number[] = [];
  const deadlines = [3e6, 3.2e6, 9.99e6];
  for (const deadline of deadlines) timers.timer(() => lateNs.push(clock.nowNs() - deadline)).arm(deadline);
  vm.start();
  await settled();
  await settled();
  assert.equal(lateNs.length, deadlines.length);
  assert.ok(Math.max(...lateNs) < 1e5, `served late by ${lateNs} ns`);
  vm.stop();
});

test('a paused VM executes nothing, its clock stands, and it goes on where it was', async () => {
  const { vm, host, clock, vcpu } = setUp(budget, halt);
  vm.start();
  await settled();
  await vm.pause();
  const [slices, nowNs] = [vcpu.slices.length, clock.nowNs()];
  host.now += 60e9;
  assert.deepEqual([vm.state, vcpu.slices.length, clock.nowNs()], ['paused', slices, nowNs]);
  vm.start();
  await settled();
  assert.ok(vcpu.slices.length > slices);
  vm.stop();
  assert.deepEqual(await vm.ended, { kind: 'killed' });
});

test('a VM that has stopped can neither be started nor paused', async () => {
  const { vm } = setUp();
  vm.stop();
  await vm.ended;
  assert.throws(() => vm.start(), /Cannot make the VM running: it is stopped/);
  await assert.rejects(vm.pause(), /Cannot make the VM paused: it is stopped/);
});

test('a VM ends with a timeout when its time is over', async () => {
  const { vm, host } = setUp(halt);
  vm.stopAfter(2);
  vm.start();
  await settled();
  host.ring();
  assert.deepEqual(await vm.ended, { kind: 'timeout', seconds: 2 });
});

test('a VM on hold executes nothing until it is released', async () => {
  const { vm, vcpu } = setUp(...Array.from({ length: 1000 }, () => budget));
  vm.hold();
  vm.start();
  await settled();
  assert.equal(vcpu.slices.length, 0);
  vm.release();
  await settled();
  assert.ok(vcpu.slices.length > 0);
  vm.stop();
});

const panic = '[    1.234567] Kernel panic - not syncing: No init found.\r\n';

test('a reset after a panic on the console is a panic', async () => {
  const { vm, print, wires } = setUp(() => {
    print(panic);
    wires.listeners.onReset?.();
    return { kind: 'kicked' };
  });
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'panic', message: 'No init found.' });
});

test('a kernel that hangs after its panic is given up', async () => {
  const { vm, print, host } = setUp(
    () => {
      print(panic);
      return { kind: 'budget' };
    },
    () => {
      host.now += 4e9;
      return { kind: 'budget' };
    },
  );
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'panic', message: 'No init found.' });
});

test('a guest that shows an old panic and goes on is left alone', async () => {
  const { vm, print, host, wires, user } = setUp(
    () => {
      print(panic);
      user.mode = true;
      return { kind: 'budget' };
    },
    () => {
      host.now += 4e9;
      return { kind: 'budget' };
    },
    () => {
      wires.listeners.onReset?.();
      return { kind: 'kicked' };
    },
  );
  vm.start();
  assert.deepEqual(await vm.ended, { kind: 'reset' });
});

test('statistics tell when the console first spoke', async () => {
  const { vm, print, host, wires } = setUp(
    () => {
      host.now += 2e9;
      print('hello');
      return { kind: 'budget' };
    },
    () => {
      wires.listeners.onPowerOff?.();
      return { kind: 'kicked' };
    },
  );
  vm.start();
  await vm.ended;
  const { secondsToFirstConsoleByte, wallSeconds, instructions, counters } = vm.statistics();
  assert.equal(Math.floor(secondsToFirstConsoleByte ?? 0), 2);
  assert.ok(wallSeconds >= 2 && instructions > 0);
  assert.equal(counters.slices, 2);
});
