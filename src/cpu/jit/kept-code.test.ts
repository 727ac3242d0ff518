import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BareMachine } from '../../testing/bare-machine.ts';
import { engineContract } from '../../testing/engine-contract.ts';
import { MemoryKeeper } from '../../testing/memory-keeper.ts';
import type { InterpreterOptions } from '../interpreter/index.ts';
import { createJitEngine, type JitEngine, type JitOptions } from './index.ts';

const eager = { threshold: 1, batch: 1, followsWarmOnly: false, profiledJumps: 2 };

/** Each engine has what all before it have translated. */
class Generations {
  readonly keeper = new MemoryKeeper();
  #last: JitEngine | undefined;
  readonly #options: JitOptions;

  constructor(options: JitOptions) {
    this.#options = options;
  }

  readonly create = (options: InterpreterOptions): JitEngine => {
    if (this.#last) this.keeper.keep(this.#last.keep());
    this.#last = createJitEngine(options, { ...this.#options, keeper: this.keeper });
    return this.#last;
  };
}

engineContract({
  name: 'jit with code of earlier engines',
  create: new Generations(eager).create,
  rounds: 4,
  isShort: true,
});

const sum = [
  ...[0xb9, 0xe8, 3, 0, 0], // mov ecx, 1000
  ...[0x31, 0xc0], // xor eax, eax
  ...[0xe8, 5, 0, 0, 0], // next: call add
  ...[0xff, 0xc9], // dec ecx
  ...[0x75, 0xf7], // jnz next
  0xf4, // hlt
  ...[0x8d, 0x44, 0x08, 3], // add: lea eax, [rax+rcx+3]
  0xc3, // ret
];
/** Where the 3 is. */
const constantAt = sum.length - 2;
const expectedSum = (count: number): bigint => BigInt((count * (count + 1)) / 2 + 3 * count);

function runSum(generations: Generations, at: number, change?: (machine: BareMachine) => void) {
  const machine = new BareMachine(generations.create);
  machine.load(at, ...sum);
  change?.(machine);
  const stop = machine.run(at, 1_000_000);
  assert.equal(stop.kind, 'halt');
  const { translatedRegions = 0, keptRegions = 0 } = machine.engine.counters();
  return { result: machine.register(0), translatedRegions, keptRegions };
}

test('code that an earlier engine has translated is not translated again', () => {
  const generations = new Generations({ threshold: 20, batch: 1 });

  const first = runSum(generations, 0x100000);
  const second = runSum(generations, 0x100000);
  const third = runSum(generations, 0x100000);

  assert.equal(first.result, expectedSum(1000));
  assert.ok(first.translatedRegions > 0);
  assert.equal(first.keptRegions, 0);
  assert.deepEqual(second, { result: expectedSum(1000), translatedRegions: 0, keptRegions: first.translatedRegions });
  assert.deepEqual(third, second);
});

test('blocks that an earlier engine has decoded are not decoded again, nor taken for code that has changed', () => {
  const generations = new Generations({ threshold: 1_000_000 });

  const first = runDecoding(generations);
  const second = runDecoding(generations);
  const changed = runDecoding(generations, (machine) => machine.load(0x100000 + constantAt, 5));

  assert.ok(first.decodedInstructions > 0);
  assert.deepEqual(second, { result: expectedSum(1000), decodedInstructions: 0 });
  assert.equal(changed.result, expectedSum(1000) + 2000n);
  assert.ok(changed.decodedInstructions < first.decodedInstructions);
});

function runDecoding(generations: Generations, change?: (machine: BareMachine) => void) {
  const machine = new BareMachine(generations.create);
  machine.load(0x100000, ...sum);
  change?.(machine);
  assert.equal(machine.run(0x100000, 1_000_000).kind, 'halt');
  const { decodedInstructions = 0 } = machine.engine.counters();
  return { result: machine.register(0), decodedInstructions };
}

test('it is found in another page, and does the same there', () => {
  const generations = new Generations({ threshold: 20, batch: 1 });

  const first = runSum(generations, 0x100000);
  const second = runSum(generations, 0x133000);

  assert.deepEqual(second, { result: expectedSum(1000), translatedRegions: 0, keptRegions: first.translatedRegions });
});

test('other code in the same place is not taken for it', () => {
  const generations = new Generations({ threshold: 20, batch: 1 });
  runSum(generations, 0x100000);

  const other = runSum(generations, 0x100000, (machine) => machine.load(0x100000 + constantAt, 4));

  assert.equal(other.result, expectedSum(1000) + 1000n);
  assert.ok(other.translatedRegions > 0);
});

test('code that only begins alike is looked for, and translated when it is hot', () => {
  const generations = new Generations({ threshold: 20, batch: 1 });
  runSum(generations, 0x100000);
  const jumpsTo = (offset: number) => (machine: BareMachine) => machine.load(0x100000 + 15, offset - 16);

  const other = runSum(generations, 0x100000, jumpsTo(5)); // xor eax, eax

  assert.equal(other.result, 4n);
  assert.deepEqual([other.translatedRegions, other.keptRegions], [1, 1]);
});

test('code that is overwritten and written again comes back, in the same engine', () => {
  const generations = new Generations({ threshold: 20, batch: 1 });
  runSum(generations, 0x100000);
  const machine = new BareMachine(generations.create);
  const run = (constant: number): bigint => {
    machine.reset();
    machine.load(0x100000, ...sum.slice(0, constantAt), constant, 0xc3);
    machine.run(0x100000, 1_000_000);
    return machine.register(0);
  };

  const results = [3, 5, 3].map(run);

  assert.deepEqual(results, [expectedSum(1000), expectedSum(1000) + 2000n, expectedSum(1000)]);
  assert.ok((machine.engine.counters().keptRegions ?? 0) >= 2);
});
