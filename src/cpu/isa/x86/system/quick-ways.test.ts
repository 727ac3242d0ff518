/**
 * The quick ways of events and returns (quick-long.ts, quick-protected.ts) against the thorough ones, on machines that are
 * spoiled at random: they end alike, or the quick way does nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../testing/witness/random.ts';
import {
  enterLong64,
  enterProtected32,
  enterUser,
  places,
  SystemFixture,
  selectors,
  writeGate,
  writeGate64,
} from '../../../../testing/x86-system.ts';
import { flag, layout, segment } from '../layout.ts';
import { deliverLong } from './deliver-long.ts';
import { deliverProtected } from './deliver-protected.ts';
import type { CpuEvent } from './event-delivery.ts';
import { iretThoroughly } from './far-return.ts';
import { GuestFault } from './guest-fault.ts';
import { access } from './page-walk.ts';
import { deliverLongQuickly, iretLongQuickly } from './quick-long.ts';
import { deliverProtectedQuickly, iretProtectedQuickly } from './quick-protected.ts';

const seed = Number(process.env.MEZZ_SEED ?? 20241124);
const draws = Number(process.env.MEZZ_ROUNDS ?? 150);
const vectorNumber = 14;
type Mode = 'long' | 'protected';

/** A machine with a gate for one vector, running at level 0 or 3, whose tables and stacks the TLB has. */
function machine(mode: Mode, isUser: boolean): SystemFixture {
  const fixture = new SystemFixture();
  if (mode === 'long') {
    enterLong64(fixture);
    writeGate64(fixture, vectorNumber, 0xffff800012345678n, 0xee);
  } else {
    enterProtected32(fixture);
    writeGate(fixture, vectorNumber, selectors.code32, 0x12345678, 0xee);
    for (const number of [segment.ds, segment.es]) fixture.call('loadSegment', number, selectors.userData);
  }
  if (isUser) enterUser(fixture, mode === 'long' ? selectors.userCode64 : selectors.userCode32, 0x202);
  const pages = [places.gdt, places.idt, places.tss, 0x8000, 0x9000, 0xa000, 0xb000];
  for (const bank of [0, 1]) for (const page of pages) fixture.cpu.mmu.translate(page, 0, bank, access.write);
  return fixture;
}

/** Changes that may matter to an event or a return; each is drawn for both machines alike. */
const spoilers: readonly ((fixture: SystemFixture, random: Random) => void)[] = [
  (fixture, random) => flip(fixture, places.idt + vectorNumber * 8 + random.below(24), random),
  (fixture, random) => flip(fixture, places.idt + vectorNumber * 16 + random.below(16), random),
  spoilDescriptor,
  spoilDescriptor,
  spoilDescriptor,
  (fixture, random) => flip(fixture, places.idt + vectorNumber * 8 + 5, random),
  (fixture, random) => flip(fixture, places.idt + vectorNumber * 16 + 5, random),
  (fixture, random) => setGateLevel(fixture, 8, random.below(4)),
  (fixture, random) => setGateLevel(fixture, 16, random.below(4)),
  (fixture, random) => flip(fixture, places.gdt + random.below(0x40), random),
  (fixture, random) => flip(fixture, places.tss + 4 + random.below(8), random),
  (fixture, random) => flip(fixture, fixture.cpu.state.gprLow(4) + random.below(40), random),
  ({ cpu }, random) => cpu.state.setGprWords(4, random.pick([0xb000, 0xaffc, 0xa010, 0xa001, 4, 0]), 0),
  ({ cpu }, random) => cpu.state.setGprWords(4, 0, random.pick([0x8000, -0x8000, 1])),
  ({ cpu }, random) => cpu.state.storeEflags(cpu.state.eflags ^ random.pick([flag.NT, flag.IF, flag.CF, flag.DF])),
  ({ cpu }, random) => void (cpu.state.idtr.limit = vectorNumber * random.pick([8, 16]) + random.below(16)),
  ({ cpu }, random) => void (cpu.state.gdtr.limit = random.below(0x48)),
  ({ cpu }, random) => void (cpu.state.tr.limit = random.below(16)),
  ({ cpu }) => cpu.mmu.tlb.protect((layout.ram + 0x8000) >>> 12),
  ({ cpu }) => cpu.mmu.tlb.protect((layout.ram + 0xa000) >>> 12),
  ({ cpu }, random) => cpu.mmu.flushPage(random.pick([places.gdt, places.idt, places.tss, 0x8000, 0xa000, 0xb000]), 0),
];

/** Rights of a segment that takes part. */
function spoilDescriptor(fixture: SystemFixture, random: Random): void {
  const { code64, code32, data, userCode64, userCode32, userData } = selectors;
  const selector = random.pick([code64, code32, data, userCode64, userCode32, userData]);
  flip(fixture, places.gdt + (selector & ~7) + random.pick([5, 5, 6]), random);
}

/** The level from which software may use the gate; gates of so many bytes. */
function setGateLevel({ ram }: SystemFixture, bytes: number, level: number): void {
  const at = places.idt + vectorNumber * bytes + 5;
  ram.setUint8(at, (ram.getUint8(at) & ~0x60) | (level << 5));
}

const flip = (fixture: SystemFixture, at: number, random: Random): void =>
  fixture.ram.setUint8(at, fixture.ram.getUint8(at) ^ (1 << random.below(8)));

/** Everything that a program or generated code can see, as text. */
function look({ cpu, ram }: SystemFixture): string {
  const state = [0x108, 0x1d4].map((from) => Array.from(cpu.state.i32.subarray(0x100 / 4, from / 4)).join());
  const derived = Array.from(cpu.state.i32.subarray(layout.interruptLine / 4, layout.xmm / 4)).join();
  const { cr2, ...saved } = cpu.saveState();
  const memory = Buffer.from(ram.buffer, ram.byteOffset, places.code).toString('latin1');
  return JSON.stringify([saved, state, derived, cpu.state.nextRip, memory], (_key, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Whether the thorough way was gone without a fault. */
function goThoroughly(go: () => void): boolean {
  try {
    go();
    return true;
  } catch (error) {
    if (error instanceof GuestFault) return false;
    throw error;
  }
}

interface Ways {
  readonly quickly: (fixture: SystemFixture, event: CpuEvent) => boolean;
  readonly thoroughly: (fixture: SystemFixture, event: CpuEvent) => void;
}

const ways: Readonly<Record<string, Ways & { mode: Mode; returns: boolean }>> = {
  'an event in 64-bit mode': {
    mode: 'long',
    returns: false,
    quickly: ({ cpu }, event) => deliverLongQuickly(cpu, event),
    thoroughly: ({ cpu }, event) => deliverLong(cpu, event),
  },
  'an event in protected mode': {
    mode: 'protected',
    returns: false,
    quickly: ({ cpu }, event) => deliverProtectedQuickly(cpu, event),
    thoroughly: ({ cpu }, event) => deliverProtected(cpu, event),
  },
  'IRET in 64-bit mode': {
    mode: 'long',
    returns: true,
    quickly: ({ cpu }) => iretLongQuickly(cpu),
    thoroughly: ({ cpu }) => iretThoroughly(cpu, 8),
  },
  'IRET in protected mode': {
    mode: 'protected',
    returns: true,
    quickly: ({ cpu }) => iretProtectedQuickly(cpu),
    thoroughly: ({ cpu }) => iretThoroughly(cpu, 4),
  },
};

/** A machine as one draw makes it. */
function drawn(mode: Mode, returns: boolean, drawSeed: number): { fixture: SystemFixture; event: CpuEvent } {
  const random = new Random(drawSeed);
  const isUser = random.oneIn(2);
  const fixture = machine(mode, isUser);
  const errorCode = random.pick([-1, 5]);
  const isSoftware = random.oneIn(4);
  const returnAt = isSoftware ? layout.nextRip : layout.rip;
  const event: CpuEvent = { vector: vectorNumber, errorCode, isSoftware, returnAt, resume: random.oneIn(2) };
  if (returns) {
    // What an event without an error code leaves is what IRET takes.
    const first = { ...event, errorCode: -1 };
    if (mode === 'long') deliverLong(fixture.cpu, first);
    else deliverProtected(fixture.cpu, first);
  }
  for (let spoiled = random.below(3); spoiled > 0; spoiled--) random.pick(spoilers)(fixture, random);
  return { fixture, event };
}

for (const [name, { mode, returns, quickly, thoroughly }] of Object.entries(ways)) {
  test(`${name}: the quick way ends as the thorough one (seed ${seed})`, () => {
    let quick = 0;
    for (let i = 0; i < draws; i++) {
      const { fixture, event } = drawn(mode, returns, seed + i);
      const before = look(fixture);
      if (!quickly(fixture, event)) {
        assert.equal(look(fixture), before, `draw ${i}: something was changed`);
        continue;
      }
      quick++;
      const other = drawn(mode, returns, seed + i);
      assert.ok(
        goThoroughly(() => thoroughly(other.fixture, other.event)),
        `draw ${i}: the thorough way faults`,
      );
      assert.equal(look(fixture), look(other.fixture), `draw ${i}`);
    }
    assert.ok(quick > draws / 4, `the quick way was gone ${quick} times`);
  });
}

for (const [mode, bytes, deliver] of [
  ['long', 16, deliverLongQuickly],
  ['protected', 8, deliverProtectedQuickly],
] as const) {
  test(`a user's INT n through a gate of level 0 is no quick event in ${mode} mode, an exception is`, () => {
    const outcomes = [true, false].map((isSoftware) => {
      const fixture = machine(mode, true);
      setGateLevel(fixture, bytes, 0);
      const returnAt = isSoftware ? layout.nextRip : layout.rip;
      return deliver(fixture.cpu, { vector: vectorNumber, errorCode: -1, isSoftware, returnAt, resume: false });
    });

    assert.deepEqual(outcomes, [false, true]);
  });
}
