import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomCode } from '../../testing/random-code.ts';
import { Random } from '../../testing/witness/random.ts';
import { modeKey, x86OpcodeMaps } from '../isa/x86/index.ts';
import { type CodeSource, formRegion } from './region.ts';
import { RegionPacker, unpackRegions } from './region-codec.ts';
import { type PlacedRegion, RegionModule } from './region-module.ts';

const seed = Number(process.env.MEZZ_SEED ?? Date.now() % 1_000_000);
const pageBytes = 4096;
const pages = 16;

/** Pages of code that are not in order, the last of them high in the address space. */
const pageAt = (index: number): number => (index < 0 || index >= pages ? -1 : pageBytes * ((index * 7) % pages));

function randomSource(random: Random): CodeSource {
  const bytes = new Uint8Array(pages * pageBytes);
  const code = new RandomCode(random, x86OpcodeMaps, true);
  for (let at = 0; at < bytes.length - 16; at += 1 + random.below(8)) bytes.set(code.next(), at);
  return {
    bytes,
    mode: modeKey.code64,
    pageAt: (index) => pageAt(index + pages / 2),
    isWarm: () => true,
    recordAt: (at) => (at % 3 === 0 ? undefined : at + 0x1000),
    verifiesFar: random.oneIn(2),
  };
}

test(`packed and unpacked regions become the same WebAssembly (seed ${seed})`, () => {
  const random = new Random(seed);
  let instructions = 0;
  for (let round = 0; round < 20; round++) {
    const source = randomSource(random);
    const packer = new RegionPacker();
    const placed = Array.from({ length: 10 }, (_, slot): PlacedRegion => {
      const targets = random.oneIn(3) ? [random.below(pageBytes), random.below(pageBytes)] : [];
      const inlining = { instructions: 100, calleeInstructions: 40, callTargets: [random.below(2 * pageBytes)] };
      const region = formRegion(
        source,
        random.below(pageBytes),
        { instructions: 120, pages: 6 },
        { targets, inlining: random.oneIn(2) ? inlining : undefined },
      );
      const entries = targets.map((target) => ({ page: target >> 12, pageOffset: target % pageBytes, is64: true }));
      const place = { mode: source.mode, slot, isFinal: random.oneIn(2) };
      const known = { targets, callTargets: random.oneIn(2) ? [random.below(pageBytes)] : undefined, profiles: slot };
      return { region, place, entries: targets.length > 0 ? entries : undefined, known };
    });

    for (const region of placed) packer.add(region, source.bytes);
    const unpacked = unpackRegions(packer.finish());

    assert.deepEqual(wasmOf(unpacked), wasmOf(placed));
    assert.deepEqual(unpacked.map(pagesOf), placed.map(pagesOf));
    instructions += placed.reduce((sum, { region }) => sum + region.instructionCount, 0);
  }
  assert.ok(instructions > 1000);
});

const pagesOf = ({ region: { pages, farPages, links } }: PlacedRegion) => ({ pages, farPages, links });

/** Any name has a place. */
const slots: ReadonlyMap<string, number> = Object.assign(new Map(), { get: () => 7 });

function wasmOf(placed: readonly PlacedRegion[]): Uint8Array {
  const context = { firstSlot: 100, helperSlots: slots, sharedSlots: slots, countsInstructions: true };
  const module = new RegionModule(context);
  for (const region of placed) module.add(region);
  return module.encode();
}
