import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { flag } from '../layout.ts';

const { data, code } = TrapMachine;
const [rcx, rsi, rdi] = [1, 6, 7];
const pages = 5;
const opcodes = [0xa4, 0xa6, 0xaa, 0xac, 0xae];
const sizes: readonly (readonly number[])[] = [[], [0x66], [], [0x48]];
const prefixes: readonly (readonly number[])[] = [[], [0xf3], [0xf2]];

/** A small generator with a seed, so that a failure can be had again. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
}

interface StringCase {
  readonly instruction: readonly number[];
  readonly count: number;
  readonly source: number;
  readonly destination: number;
  readonly isDown: boolean;
  /** Bytes repeat early, or late. */
  readonly period: number;
  readonly fillByte: number;
}

function randomCase(random: (limit: number) => number): StringCase {
  const size = random(4);
  const opcode = (opcodes[random(opcodes.length)] as number) + (size === 0 ? 0 : 1);
  const near = random(2) === 0;
  const source = 4096 + random(4096);
  const instruction = [
    ...(random(6) === 0 ? [0x67] : []),
    ...(prefixes[random(3)] ?? []),
    ...(sizes[size] ?? []),
    opcode,
  ];
  return {
    instruction,
    count: random(8) === 0 ? random(2000) : random(40),
    source,
    destination: near ? source - 20 + random(40) : 4096 + random(8192),
    isDown: random(6) === 0,
    period: random(3) === 0 ? 1 : 1 + random(250),
    fillByte: random(250),
  };
}

/** What an instruction leaves; with a cold TLB the helper does all of it, with a warm one none of what stays in a page. */
function outcome(machine: TrapMachine, given: StringCase, isWarm: boolean): unknown {
  const { ram, engine } = machine.bare;
  for (let i = 0; i < pages * 4096; i++) ram[data + i] = i % given.period;
  engine.cpu.flushTlb();
  if (isWarm) {
    for (let page = 0; page < pages; page++) engine.cpu.slowAccess(data + page * 4096, 0, 1, 1);
  }
  machine
    .set(0, BigInt(given.fillByte) * 0x0101010101010101n)
    .set(rcx, given.count)
    .set(rsi, data + given.source)
    .set(rdi, data + given.destination);
  machine.eflags = flag.CF | flag.AF | (given.isDown ? flag.DF : 0);
  const trap = machine.run(given.instruction);
  return {
    vector: trap?.vector,
    registers: [0, rcx, rsi, rdi].map((number) => machine.get(number)),
    eflags: machine.eflags,
    memory: Buffer.from(ram.subarray(data, data + pages * 4096)).toString('base64'),
  };
}

test('what is done in place is what the helper does', () => {
  const seed = 20261124;
  const random = randomNumbers(seed);
  const machine = new TrapMachine();
  for (let round = 0; round < 1500; round++) {
    const given = randomCase(random);

    const inPlace = outcome(machine, given, true);

    assert.deepEqual(inPlace, outcome(machine, given, false), `seed ${seed}, round ${round}: ${JSON.stringify(given)}`);
  }
});

test('a store to code by a repeated STOS is seen by the next instruction', () => {
  const machine = new TrapMachine()
    .set(0, 0x90n)
    .set(rcx, 2)
    .set(rdi, code + 9);

  // nop; rep stosb over the ud2; inc eax
  const trap = machine.run([0x90, 0xf3, 0xaa, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x0f, 0x0b, 0xff, 0xc0]);

  assert.deepEqual([trap, machine.get(0)], [undefined, 0x91n]);
});
