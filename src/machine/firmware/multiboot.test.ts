import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elfFile, pcMemory, spoiled, zeroTerminatedText } from '../../testing/boot-files.ts';
import { Random } from '../../testing/witness/random.ts';
import { gpa } from '../memory/index.ts';
import { BootImageError, BootMemoryError, KernelFormatError } from './boot-errors.ts';
import { loadMultiboot } from './multiboot.ts';
import { isMultiboot } from './multiboot-image.ts';

const mebibyte = 0x100000;

function header(flags: number, ...addresses: number[]): Uint8Array {
  const words = [0x1badb002, flags, -(0x1badb002 + flags), ...addresses];
  return new Uint8Array(Uint32Array.from(words, (word) => word >>> 0).buffer);
}

const elfKernel = elfFile({
  is64Bit: false,
  entry: 0xc010000c,
  segments: [{ physicalAddress: 0x100000, virtualAddress: 0xc0100000, bytes: header(3), memorySizeBytes: 0x2000 }],
});
/** header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; 8 bytes come before the header. */
const flatKernel = new Uint8Array([
  ...new Uint8Array(8).fill(0xcc),
  ...header(0x10000, 0x200008, 0x200000, 0x200030, 0x201000, 0x200028),
  ...new Uint8Array(16).fill(0xf4),
]);
const kernel = (bytes: Uint8Array) => ({ name: 'hello.elf', bytes });
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test('an ELF kernel starts at the physical address of its entry, with its BSS cleared', () => {
  const memory = pcMemory(16 * mebibyte);
  memory.bytesForWrite(gpa(0x100000), 0x3000).fill(0xaa);
  const entry = loadMultiboot({ memory, kernel: kernel(elfKernel), commandLine: '' });
  assert.equal(entry.mode, 'protected32');
  assert.equal(entry.instructionPointer, 0x10000c);
  assert.equal(entry.registers.rax, 0x2badb002);
  assert.deepEqual(memory.bytes(gpa(0x100000), 12), header(3));
  assert.deepEqual(memory.bytes(gpa(0x10000c), 0x2000 - 12), new Uint8Array(0x2000 - 12));
  assert.equal(memory.bytes(gpa(0x102000), 1)[0], 0xaa);
});

test('a flat kernel is loaded where its header says', () => {
  const memory = pcMemory(16 * mebibyte);
  const entry = loadMultiboot({ memory, kernel: kernel(flatKernel), commandLine: '' });
  assert.equal(entry.instructionPointer, 0x200028);
  assert.deepEqual(memory.bytes(gpa(0x200000), 0x30), flatKernel.subarray(0, 0x30));
  assert.deepEqual(memory.bytes(gpa(0x200030), 16), new Uint8Array(16));
});

test('boot information gives command line, loader name, modules and memory', () => {
  const memory = pcMemory(16 * mebibyte);
  const modules = [
    { name: 'first', bytes: Uint8Array.of(1, 2, 3), commandLine: 'first --fast' },
    { name: 'second', bytes: new Uint8Array(0x1001).fill(4) },
  ];
  const entry = loadMultiboot({ memory, kernel: kernel(elfKernel), commandLine: 'kernel arg', modules });
  const info = view(memory.bytes(gpa(entry.registers.rbx ?? 0), 116));
  const word = (at: number): number => info.getUint32(at, true);
  const text = (at: number): string => zeroTerminatedText(memory.bytes(gpa(at), 64));
  assert.equal(word(0), 0b10_0100_1101);
  assert.equal(word(4), 639);
  assert.equal(word(8), 15 * 1024);
  assert.equal(text(word(16)), 'kernel arg');
  assert.equal(text(word(64)), 'Mezz');
  assert.equal(word(20), 2);
  const list = view(memory.bytes(gpa(word(24)), 32));
  assert.deepEqual(
    [0, 4, 16, 20].map((at) => list.getUint32(at, true)),
    [0x102000, 0x102003, 0x103000, 0x104001],
  );
  assert.deepEqual(
    [8, 24].map((at) => text(list.getUint32(at, true))),
    ['first --fast', 'second'],
  );
  assert.deepEqual(memory.bytes(gpa(0x103000), 0x1001), modules[1]?.bytes);
  const map = view(memory.bytes(gpa(word(48)), word(44)));
  assert.equal(map.getUint32(0, true), 20);
  assert.equal(Number(map.getBigUint64(12, true)), 0x9fc00);
  assert.equal(map.getUint32(20, true), 1);
});

test('boot information makes way for a kernel in conventional memory', () => {
  const memory = pcMemory(16 * mebibyte);
  const low = elfFile({ is64Bit: false, entry: 0x10000, segments: [{ physicalAddress: 0x10000, bytes: header(0) }] });
  const entry = loadMultiboot({ memory, kernel: kernel(low), commandLine: 'x' });
  assert.equal(entry.registers.rbx, mebibyte);
  assert.deepEqual(memory.bytes(gpa(0x10000), 12), header(0));
});

test('files without a header are told apart', () => {
  assert.equal(isMultiboot(elfKernel), true);
  assert.equal(isMultiboot(new Uint8Array(100)), false);
  assert.equal(isMultiboot(new Uint8Array(3)), false);
});

const headerAt = 8;
const elfHeaderAt = 0x200;
const damage: readonly [field: string, file: Uint8Array][] = [
  ['magic', spoiled(elfKernel, elfHeaderAt + 8, 4, 0)],
  ['flags', new Uint8Array([...header(0x8000)])],
  ['flags', header(0)],
  ['header_addr', flatKernel.subarray(0, headerAt + 31)],
  ['header_addr', spoiled(flatKernel, headerAt + 12, 4, 0x1fffff)],
  ['header_addr', spoiled(flatKernel, headerAt + 12, 4, 0x200010)],
  ['load_end_addr', spoiled(flatKernel, headerAt + 20, 4, 0x200100)],
  ['load_end_addr', spoiled(flatKernel, headerAt + 20, 4, 0x1ff000)],
  ['bss_end_addr', spoiled(flatKernel, headerAt + 24, 4, 0x200010)],
  ['entry_addr', spoiled(flatKernel, headerAt + 28, 4, 0x300000)],
  ['e_entry', spoiled(elfKernel, 24, 4, 0x300000)],
  ['p_filesz', spoiled(elfKernel, 52 + 16, 4, 0x10000)],
];
damage.forEach(([field, file], i) => {
  test(`a spoiled ${field} is named (${i})`, () => {
    assert.throws(
      () => loadMultiboot({ memory: pcMemory(16 * mebibyte), kernel: kernel(file), commandLine: '' }),
      (error) => error instanceof KernelFormatError && error.field === field,
    );
  });
});

test('a kernel or a module beyond the end of memory is told', () => {
  const memory = pcMemory(2 * mebibyte);
  const modules = [{ name: 'big', bytes: new Uint8Array(mebibyte) }];
  assert.throws(
    () => loadMultiboot({ memory, kernel: kernel(flatKernel), commandLine: '' }),
    /Cannot load kernel "hello.elf": it needs 3 MiB of memory, the machine has 2 MiB/,
  );
  assert.throws(
    () => loadMultiboot({ memory, kernel: kernel(elfKernel), commandLine: '', modules }),
    (error) => error instanceof BootMemoryError && /^Cannot load module "big"/.test(error.message),
  );
});

test('random damage boots or is refused, never anything else', () => {
  const seed = Date.now() >>> 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const memory = pcMemory(4 * mebibyte);
  for (let round = 0; round < 2000; round++) {
    const file = Uint8Array.from(random.pick([elfKernel, flatKernel]));
    for (let i = 0; i < 2; i++) file[random.below(Math.min(0x60, file.length))] = random.next32();
    assert.doesNotThrow(() => loadOrRefuse(memory, file), `seed ${seed}, round ${round}`);
  }
});

function loadOrRefuse(memory: ReturnType<typeof pcMemory>, file: Uint8Array): void {
  try {
    loadMultiboot({ memory, kernel: kernel(file), commandLine: '' });
  } catch (error) {
    if (!(error instanceof BootImageError)) throw error;
  }
}
