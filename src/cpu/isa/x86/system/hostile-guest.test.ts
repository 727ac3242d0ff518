import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, enterProtected32, places, SystemFixture } from '../../../../testing/x86-system.ts';
import { layout } from '../layout.ts';
import type { SystemHelperName } from './helpers.ts';
import { systemHelpers } from './helpers.ts';
import { vcpuSchema } from './saved-state.ts';

/** Marsaglia's xorshift32. */
function randomSource(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const names = Object.keys(systemHelpers) as SystemHelperName[];
const msrs = [
  0x10, 0x1b, 0x3b, 0x48, 0x174, 0x175, 0x176, 0x1a0, 0x277, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084,
];

/** Descriptor tables, TSS, page tables and registers with some random words in them. */
function disturb(fixture: SystemFixture, random: () => number): void {
  const { state } = fixture.cpu;
  const tables = [places.gdt, places.idt, places.tss, places.pageTables, places.stack - 0x100];
  for (let i = 0; i < 4; i++) fixture.write32((tables[random() % 5] ?? 0) + (random() % 64) * 4, random());
  for (let i = 0; i < 16; i++) {
    if (random() % 4 === 0) state.setGprWords(i, random(), random() % 3 ? 0 : random());
  }
  if (random() % 2) state.setGpr(4, BigInt(places.stack - 0x80));
  if (random() % 2) state.setGpr(1, BigInt(msrs[random() % msrs.length] ?? 0));
  fixture.setArgument((BigInt(random() % 4 ? 0 : random()) << 32n) | BigInt(random() % 0x10000));
}

const widths = [2, 4, 8];

function step(fixture: SystemFixture, random: () => number): void {
  const { cpu } = fixture;
  disturb(fixture, random);
  const name = names[random() % names.length] ?? 'cpuid';
  const argument = (): number => (random() % 3 ? (random() % 32) * 8 + (random() % 4) : (widths[random() % 3] ?? 4));
  const isRegisterFirst = random() % 2 === 0;
  const fault = fixture.fault(name, isRegisterFirst ? random() % 16 : argument(), argument(), argument());
  if (fault) {
    cpu.recordFault(fault[0], fault[1]);
    cpu.deliverPendingFault();
  } else {
    cpu.state.rip = cpu.state.nextRip;
  }
  cpu.slowAccess(random(), random() % 2 ? 0 : random(), 1 + (random() % 16), random() % 3);
  fixture.takeFault();
  if (random() % 16 === 0) cpu.deliverInterrupt(random() % 256);
}

const seed = Number(process.env.MEZZ_SEED ?? 20240607);

for (const [mode, enter] of [
  ['64-bit', enterLong64],
  ['32-bit', enterProtected32],
] as const) {
  test(`no sequence of ${mode} system instructions throws into the host (seed ${seed})`, () => {
    const random = randomSource(seed);
    for (let round = 0; round < 40; round++) {
      const fixture = new SystemFixture();
      enter(fixture);
      for (let i = 0; i < 200; i++) {
        step(fixture, random);
        if (fixture.cpu.stop) enter(fixture);
      }
      const { modeKey, tlbBank } = layout;
      assert.ok(
        fixture.cpu.state.u32[modeKey / 4] !== undefined && (fixture.cpu.state.u32[tlbBank / 4] ?? 0) >= layout.tlb,
      );
      assert.doesNotThrow(() => vcpuSchema.decode(vcpuSchema.version, fixture.cpu.saveState()));
    }
  });
}
