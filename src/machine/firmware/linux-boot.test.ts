import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bzImage, elfFile, elfNote, pcMemory, spoiled, zeroTerminatedText } from '../../testing/boot-files.ts';
import { Random } from '../../testing/witness/random.ts';
import { gpa } from '../memory/index.ts';
import { BootImageError, BootMemoryError, CommandLineError, KernelFormatError } from './boot-errors.ts';
import { bootLinux } from './linux-boot.ts';
import { readLinuxKernel } from './linux-kernel.ts';

const mebibyte = 0x100000;
const code = Uint8Array.of(0xf4, 0xeb, 0xfd);
const vmlinux = (is64Bit: boolean, notes?: Uint8Array): Uint8Array =>
  elfFile({
    is64Bit,
    entry: 0x1000000,
    segments: [{ physicalAddress: 0x1000000, bytes: code, memorySizeBytes: 0x3000 }],
    ...(notes ? { notes } : {}),
  });
const pvhNote = elfNote('Xen', 18, Uint8Array.of(1, 0, 0, 1));
const packed = bzImage({ payload: Uint8Array.of(9, 9, 9, 9) });
const kernel = (bytes: Uint8Array) => ({ name: 'vmlinuz', bytes });
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test('a bzImage with a 64-bit payload is unpacked and entered at its own 64-bit entry', async () => {
  const memory = pcMemory(64 * mebibyte);
  const payloads: Uint8Array[] = [];
  const unpack = async (payload: Uint8Array) => {
    payloads.push(payload);
    return vmlinux(true);
  };
  const entry = await bootLinux({ memory, kernel: kernel(packed), unpack, commandLine: 'console=ttyS0' });
  assert.deepEqual(payloads, [Uint8Array.of(9, 9, 9, 9)]);
  assert.equal(entry.mode, 'long64');
  assert.equal(entry.instructionPointer, 0x1000000);
  assert.deepEqual(memory.bytes(entry.instructionPointer, 3), code);
  const bootParams = memory.bytes(gpa(entry.registers.rsi ?? 0), 0x1000);
  assert.equal(new TextDecoder().decode(bootParams.subarray(0x202, 0x206)), 'HdrS');
  assert.equal(bootParams[0x210], 0xff);
  assert.equal(bootParams[0x1ef], 0);
  const commandLine = view(bootParams).getUint32(0x228, true);
  assert.equal(zeroTerminatedText(memory.bytes(gpa(commandLine), 64)), 'console=ttyS0');
});

test('the loader maps the first 4 GiB to themselves and gives flat segments', async () => {
  const memory = pcMemory(64 * mebibyte);
  const entry = await bootLinux({ memory, kernel: kernel(vmlinux(true)), commandLine: '' });
  const quad = (at: number): number => Number(view(memory.bytes(gpa(at), 8)).getBigUint64(0, true));
  const directory = (quad((entry.pageTableRoot ?? 0) + 0) & ~0xfff) + 3 * 8;
  const page = (quad(directory) & ~0xfff) + 511 * 8;
  assert.equal(quad(page), 0xffe00000 + 0x83);
  assert.equal(entry.codeSelector, 0x10);
  assert.equal(entry.dataSelector, 0x18);
  assert.equal(view(memory.bytes(entry.gdt.base, 0x20)).getBigUint64(0x10, true), 0x00af9b000000ffffn);
  assert.equal(view(memory.bytes(entry.gdt.base, 0x20)).getBigUint64(0x18, true), 0x00cf93000000ffffn);
  assert.equal(entry.gdt.limit, 0x1f);
});

test('a 32-bit kernel is entered by the 32-bit protocol', async () => {
  const memory = pcMemory(64 * mebibyte);
  const entry = await bootLinux({ memory, kernel: kernel(vmlinux(false)), commandLine: '' });
  assert.equal(entry.mode, 'protected32');
  assert.equal(entry.pageTableRoot, undefined);
  assert.equal(view(memory.bytes(gpa((entry.registers.rsi ?? 0) + 0x202), 4)).getUint32(0, true), 0x53726448);
  assert.equal(view(memory.bytes(entry.gdt.base, 0x20)).getBigUint64(0x10, true), 0x00cf9b000000ffffn);
});

const stubCases = [
  { what: 'its 64-bit entry when it has one', image: packed, protocol: 'auto', mode: 'long64', at: 0x1000200 },
  { what: 'its 32-bit entry when asked', image: packed, protocol: 'linux32', mode: 'protected32', at: 0x1000000 },
  {
    what: 'its 32-bit entry when it has no other',
    image: bzImage({ payload: code, hasEntry64: false }),
    protocol: 'auto',
    mode: 'protected32',
    at: 0x1000000,
  },
  {
    what: 'code32_start when it is not relocatable',
    image: bzImage({ payload: code, hasEntry64: false, isRelocatable: false }),
    protocol: 'auto',
    mode: 'protected32',
    at: 0x100000,
  },
] as const;
for (const { what, image, protocol, mode, at } of stubCases) {
  test(`a bzImage in an unknown format is entered at ${what}`, async () => {
    const memory = pcMemory(64 * mebibyte);
    const entry = await bootLinux({
      memory,
      kernel: kernel(image),
      unpack: () => undefined,
      commandLine: '',
      protocol,
    });
    assert.equal(entry.mode, mode);
    assert.equal(entry.instructionPointer, at);
    assert.deepEqual(memory.bytes(gpa(at & ~0xfff), 4), Uint8Array.of(0x90, 0x90, 0x90, 0x90));
  });
}

test('by PVH, start info names the command line, the initial RAM disk, the RSDP and the memory map', async () => {
  const memory = pcMemory(64 * mebibyte);
  const initrd = { name: 'initrd', bytes: Uint8Array.of(7, 8, 9) };
  const acpi = { start: gpa(0xe0000), sizeBytes: 0x400, rsdp: 0xe0000 };
  const options = { memory, initrd, acpi, commandLine: 'quiet', protocol: 'pvh' } as const;
  const entry = await bootLinux({ ...options, kernel: kernel(vmlinux(true, pvhNote)) });
  assert.equal(entry.mode, 'protected32');
  assert.equal(entry.instructionPointer, 0x1000001);
  const start = view(memory.bytes(gpa(entry.registers.rbx ?? 0), 0x400));
  const quad = (data: DataView, at: number): number => Number(data.getBigUint64(at, true));
  assert.equal(start.getUint32(0, true), 0x336ec578);
  assert.equal(start.getUint32(4, true), 1);
  assert.equal(start.getUint32(12, true), 1);
  const module = view(memory.bytes(gpa(quad(start, 16)), 16));
  assert.deepEqual(memory.bytes(gpa(quad(module, 0)), quad(module, 8)), initrd.bytes);
  assert.equal(zeroTerminatedText(memory.bytes(gpa(quad(start, 24)), 16)), 'quiet');
  assert.equal(quad(start, 32), 0xe0000);
  const map = view(memory.bytes(gpa(quad(start, 40)), start.getUint32(48, true) * 24));
  const entries = Array.from({ length: start.getUint32(48, true) }, (_, i) => [
    quad(map, i * 24),
    quad(map, i * 24 + 8),
    map.getUint32(i * 24 + 16, true),
  ]);
  assert.deepEqual(entries, [
    [0, 0x9fc00, 1],
    [0x9fc00, 0xe0000 - 0x9fc00, 2],
    [0xe0000, 0x1000, 3],
    [0xe1000, 0x1f000, 2],
    [mebibyte, 63 * mebibyte, 1],
  ]);
});

test('the initial RAM disk lies page-aligned at the top of memory, below initrd_addr_max', async () => {
  const memory = pcMemory(64 * mebibyte);
  const image = bzImage({ payload: code, initrdAddressMax: 0x2ffffff });
  const initrd = { name: 'initrd', bytes: new Uint8Array(0x1234).fill(5) };
  const entry = await bootLinux({ memory, kernel: kernel(image), initrd, commandLine: '' });
  const bootParams = view(memory.bytes(gpa(entry.registers.rsi ?? 0), 0x1000));
  assert.equal(bootParams.getUint32(0x218, true), 0x2ffe000);
  assert.equal(bootParams.getUint32(0x21c, true), 0x1234);
  assert.deepEqual(memory.bytes(gpa(0x2ffe000), 0x1234), initrd.bytes);
});

test('memory that a kernel has beyond its file bytes is left as it was', async () => {
  const memory = pcMemory(64 * mebibyte);
  memory.bytesForWrite(gpa(0x1000003), 1)[0] = 0xaa;
  await bootLinux({ memory, kernel: kernel(vmlinux(true)), commandLine: '' });
  assert.equal(memory.bytes(gpa(0x1000003), 1)[0], 0xaa);
});

test('too little memory is told with both sizes, before anything is written', async () => {
  const memory = pcMemory(16 * mebibyte);
  const boot = bootLinux({ memory, kernel: kernel(packed), commandLine: '' });
  await assert.rejects(boot, {
    name: 'BootMemoryError',
    message: 'Cannot load kernel "vmlinuz": it needs 20 MiB of memory, the machine has 16 MiB',
    neededBytes: 20 * mebibyte,
    availableBytes: 16 * mebibyte,
  });
  assert.deepEqual(memory.bytes(gpa(0x7000), 0x1000), new Uint8Array(0x1000));
});

test('an initial RAM disk that does not fit is told', async () => {
  const memory = pcMemory(21 * mebibyte);
  const initrd = { name: 'root.cpio', bytes: new Uint8Array(2 * mebibyte) };
  const boot = bootLinux({ memory, kernel: kernel(packed), initrd, commandLine: '' });
  const message = /^Cannot load initial RAM disk "root.cpio": it has 0x200000 bytes, memory has room for 0x100000 /;
  await assert.rejects(boot, (error) => error instanceof BootMemoryError && message.test(error.message));
});

for (const [what, commandLine] of [
  ['too long', 'x'.repeat(2048)],
  ['cut by a zero', 'a\0b'],
] as const) {
  test(`a command line that is ${what} is refused`, async () => {
    const boot = bootLinux({ memory: pcMemory(64 * mebibyte), kernel: kernel(packed), commandLine });
    await assert.rejects(boot, CommandLineError);
  });
}

for (const [protocol, bytes] of [
  ['pvh', vmlinux(true)],
  ['linux32', vmlinux(true)],
  ['linux64', vmlinux(false)],
  ['pvh', packed],
] as const) {
  test(`a kernel without a ${protocol} entry is refused`, async () => {
    const boot = bootLinux({ memory: pcMemory(64 * mebibyte), kernel: kernel(bytes), commandLine: '', protocol });
    await assert.rejects(boot, BootImageError);
  });
}

test('an ELF kernel whose entry is outside of its segments is refused', async () => {
  const bytes = elfFile({ is64Bit: true, entry: 0x5000000, segments: [{ physicalAddress: 0x1000000, bytes: code }] });
  const boot = bootLinux({ memory: pcMemory(64 * mebibyte), kernel: kernel(bytes), commandLine: '' });
  await assert.rejects(boot, /entry point 0x5000000 is in none of its segments/);
});

const damage: readonly [field: string, file: Uint8Array, message: RegExp][] = [
  ['header', spoiled(packed, 0x202, 4, 0), /neither a bzImage/],
  ['boot_flag', spoiled(packed, 0x1fe, 2, 0x55ab), /boot_flag is 0x55ab/],
  ['version', spoiled(packed, 0x206, 2, 0x0201), /boot protocol 2\.1 is older than 2\.02/],
  ['loadflags', spoiled(packed, 0x211, 1, 0), /zImage/],
  ['jump', packed.subarray(0, 0x240), /file ends at 0x240, setup header needs 0x26c/],
  ['syssize', spoiled(packed, 0x1f4, 4, 0x1000), /file ends at 0x630, its protected-mode part needs 0x10600/],
  ['syssize', spoiled(packed, 0x1f4, 4, 0), /empty/],
  ['payload_length', spoiled(packed, 0x24c, 4, 0xffffffff), /the payload in it needs/],
  ['payload_length', spoiled(packed, 0x248, 4, 0xfffffff0), /the payload in it needs/],
  ['e_phoff', vmlinux(true).subarray(0, 0x60), /program headers need/],
];
damage.forEach(([field, file, message], i) => {
  test(`a spoiled ${field} is named (${i})`, async () => {
    await assert.rejects(
      readLinuxKernel(kernel(file)),
      (error) => error instanceof KernelFormatError && error.field === field && message.test(error.message),
    );
  });
});

test('a payload that cannot be unpacked is told, with the cause', async () => {
  const cause = new RangeError('damaged');
  const unpack = () => {
    throw cause;
  };
  await assert.rejects(readLinuxKernel(kernel(packed), unpack), { name: 'KernelFormatError', field: 'payload', cause });
});

test('random damage to a bzImage boots or is refused, never anything else', async () => {
  const seed = Date.now() >>> 0;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const memory = pcMemory(32 * mebibyte);
  for (let round = 0; round < 2000; round++) {
    const file = Uint8Array.from(random.pick([packed, vmlinux(true, pvhNote), vmlinux(false)]));
    for (let i = 0; i < 3; i++) file[random.pick([0, 0x1f0, 0x200]) + random.below(0x80)] = random.next32();
    const protocol = random.pick(['auto', 'linux64', 'linux32', 'pvh'] as const);
    const refusal = await bootLinux({ memory, kernel: kernel(file), commandLine: 'a', protocol }).catch(
      (error) => error,
    );
    const isExpected = !(refusal instanceof Error) || refusal instanceof BootImageError;
    assert.ok(isExpected, `seed ${seed}, round ${round}: ${refusal}`);
  }
});
