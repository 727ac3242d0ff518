import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elfFile, elfNote, spoiled } from '../../testing/boot-files.ts';
import { Random } from '../../testing/witness/random.ts';
import { ElfError, findNote, loadSegments, readElf, segmentBytes } from './elf.ts';

const content = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const note = elfNote('Xen', 18, Uint8Array.of(0x50, 8, 0, 1));
const elf64 = elfFile({
  is64Bit: true,
  entry: 0x1000000,
  segments: [{ physicalAddress: 0x1000000, virtualAddress: 0x80000000, bytes: content, memorySizeBytes: 100 }],
  notes: note,
});
const elf32 = elfFile({
  is64Bit: false,
  entry: 0x100000,
  segments: [{ physicalAddress: 0x100000, bytes: content }],
  notes: note,
});

for (const [name, file, machine] of [
  ['64-bit', elf64, 'x86_64'],
  ['32-bit', elf32, 'i386'],
] as const) {
  test(`a ${name} file gives its machine, segments and notes`, () => {
    const elf = readElf(file);
    assert.equal(elf.machine, machine);
    const [segment] = loadSegments(elf);
    assert.ok(segment);
    assert.equal(segment.physicalAddress, elf.entry);
    assert.deepEqual(segmentBytes(elf, segment), content);
    assert.deepEqual(findNote(elf, 'Xen', 18)?.description, Uint8Array.of(0x50, 8, 0, 1));
    assert.equal(findNote(elf, 'Xen', 17), undefined);
    assert.equal(findNote(elf, 'GNU', 18), undefined);
  });
}

const damage: readonly [field: string, file: Uint8Array][] = [
  ['EI_MAG', spoiled(elf64, 0, 1, 0)],
  ['EI_CLASS', spoiled(elf64, 4, 1, 3)],
  ['EI_DATA', spoiled(elf64, 5, 1, 2)],
  ['e_ehsize', elf64.subarray(0, 63)],
  ['e_machine', spoiled(elf64, 18, 2, 183)],
  ['e_phoff', spoiled(elf64, 32, 8, 0x10000)],
  ['e_phoff', spoiled(elf64, 56, 2, 0xffff)],
  ['e_phentsize', spoiled(elf64, 54, 2, 55)],
  ['p_filesz', spoiled(elf64, 64 + 8, 8, 0x10000)],
  ['p_filesz', spoiled(elf64, 64 + 32, 8, 2 ** 53)],
  ['p_memsz', spoiled(elf64, 64 + 40, 8, 7)],
  ['p_filesz', spoiled(elf32, 52 + 16, 4, 0xffffffff)],
];
damage.forEach(([field, file], i) => {
  test(`a spoiled ${field} is named (${i})`, () => {
    assert.throws(
      () => readElf(file),
      (error) => error instanceof ElfError && error.field === field,
    );
  });
});

test('bytes after the last segment are ignored', () => {
  const longer = new Uint8Array(elf64.length + 5);
  longer.set(elf64);
  assert.equal(loadSegments(readElf(longer)).length, 1);
});

test('random damage gives a file or an ElfError, never anything else', () => {
  const seed = Date.now() >>> 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  for (let round = 0; round < 3000; round++) {
    const source = random.pick([elf32, elf64]);
    const file = Uint8Array.from(source.subarray(0, random.oneIn(4) ? random.below(source.length) : source.length));
    for (let i = 0; i < 3 && file.length > 0; i++) file[random.below(Math.min(file.length, 0x100))] = random.next32();
    assert.doesNotThrow(() => readOrRefuse(file), `seed ${seed}, round ${round}`);
  }
});

function readOrRefuse(file: Uint8Array): void {
  try {
    const elf = readElf(file);
    findNote(elf, 'Xen', 18);
    for (const segment of loadSegments(elf)) segmentBytes(elf, segment);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}
