import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { FakeThread } from '../../testing/fake-thread.ts';
import { createJitEngine } from './index.ts';
import { ThreadWriter } from './thread-writer.ts';

const code = 0x100000;
const rounds = 1000;

function setUp(): { thread: FakeThread; writer: ThreadWriter; machine: BareMachine } {
  const thread = new FakeThread();
  const writer = new ThreadWriter(() => thread);
  const machine = new BareMachine((options) =>
    createJitEngine({ ...options, statistics: true }, { threshold: 20, batch: 1, profiledJumps: 50 }, writer),
  );
  thread.deliver(); // It is ready.
  return { thread, writer, machine };
}

/** A loop that adds `step` to EBX in each round. */
const loadLoop = (machine: BareMachine, at: number, step: number): void =>
  machine.load(
    at,
    ...[0xb9, rounds & 0xff, rounds >> 8, 0, 0], // mov ecx, rounds
    ...[0x83, 0xc3, step], // add ebx, step
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xf9], // jnz -7
    0xf4, // hlt
  );

function runLoop(machine: BareMachine, at = code): bigint {
  const { engine } = machine;
  engine.cpu.stop = undefined;
  engine.cpu.state.setGpr(3, 0n);
  assert.equal(machine.run(at).kind, 'halt');
  return machine.register(3);
}

const installed = (machine: BareMachine): number => machine.engine.counters().translatedModules ?? 0;
const translated = (machine: BareMachine): number => machine.engine.counters().translatedCodeInstructions ?? 0;

test('the guest goes on while a thread translates, and takes what that has made', () => {
  const { thread, machine } = setUp();
  loadLoop(machine, code, 2);

  const results = [runLoop(machine)];
  const before = [installed(machine), translated(machine)];
  thread.deliver();
  results.push(runLoop(machine));

  assert.deepEqual(results, [2000n, 2000n]);
  assert.deepEqual(before, [0, 0]);
  assert.ok(installed(machine) > 0);
  assert.ok(translated(machine) > rounds);
});

test('code that was rewritten while a thread translated it is not replaced by what it was', () => {
  const { thread, machine } = setUp();
  loadLoop(machine, code, 2);
  runLoop(machine);
  assert.ok(thread.answers > 0);

  loadLoop(machine, code, 3);
  thread.deliver();

  assert.equal(runLoop(machine), 3000n);
});

test('what a thread has made of code that was dropped with all other is not installed', () => {
  const { thread, machine } = setUp();
  loadLoop(machine, code, 2);
  runLoop(machine);

  machine.engine.restore(machine.engine.save());
  thread.deliver();

  assert.equal(installed(machine), 0);
  assert.equal(runLoop(machine), 2000n);
});

test('what a thread has not translated when it ends is translated without it, as all that comes later', () => {
  const { thread, machine } = setUp();
  const later = 0x102000;
  loadLoop(machine, code, 2);
  loadLoop(machine, later, 3);
  runLoop(machine);

  thread.onEnd();
  const results = [runLoop(machine)];
  const waited = installed(machine);
  results.push(runLoop(machine, later));

  assert.deepEqual(results, [2000n, 3000n]);
  assert.ok(waited > 0);
  assert.ok(installed(machine) > waited);
});

test('code that is hot while a thread has enough to do is translated later', () => {
  const { thread, writer, machine } = setUp();
  const loops = Array.from({ length: 12 }, (_, i) => code + 0x1000 * i);
  for (const at of loops) loadLoop(machine, at, 1);

  for (const at of loops) runLoop(machine, at);
  const isBusy = writer.isBusy;
  const asked = thread.answers;
  thread.deliver();
  for (const at of loops) runLoop(machine, at);
  thread.deliver();
  const before = translated(machine);
  for (const at of loops) assert.equal(runLoop(machine, at), BigInt(rounds));

  assert.deepEqual([isBusy, asked, writer.isBusy], [true, 8, false]);
  assert.ok(translated(machine) - before > loops.length * rounds);
});

test('before its thread is ready a writer does without it', () => {
  const thread = new FakeThread();
  const writer = new ThreadWriter(() => thread);
  const machine = new BareMachine((options) => createJitEngine(options, { threshold: 20, batch: 1 }, writer));
  loadLoop(machine, code, 2);

  assert.equal(runLoop(machine), 2000n);

  assert.ok(installed(machine) > 0);
});

test('a thread that has had nothing to do for long goes, and another one comes when there is something', () => {
  const threads: FakeThread[] = [];
  let nowMs = 0;
  const start = (): FakeThread => {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  };
  const writer = new ThreadWriter(start, () => nowMs);
  const machine = new BareMachine((options) => createJitEngine(options, { threshold: 20, batch: 1 }, writer));
  threads[0]?.deliver();
  const later = 0x102000;
  loadLoop(machine, code, 2);
  loadLoop(machine, later, 3);
  runLoop(machine);
  threads[0]?.deliver();

  nowMs = 60_000;
  runLoop(machine);
  const afterRest = threads.map(({ isStopped }) => isStopped);
  threads[0]?.onEnd();
  runLoop(machine, later);
  threads[1]?.deliver();

  assert.deepEqual(afterRest, [true]);
  assert.deepEqual(
    threads.map(({ isStopped }) => isStopped),
    [true, false],
  );
  assert.equal(runLoop(machine, later), 3000n);
});

test('a writer that is stopped stops its thread and has no use for its answers', () => {
  const { thread, writer, machine } = setUp();
  loadLoop(machine, code, 2);
  runLoop(machine);

  writer.stop();
  thread.deliver();
  thread.onEnd();

  assert.ok(thread.isStopped);
  assert.equal(installed(machine), 0);
});
