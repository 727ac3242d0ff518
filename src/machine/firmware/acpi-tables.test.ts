import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pcMemory } from '../../testing/boot-files.ts';
import { gpa } from '../memory/index.ts';
import type { AcpiPlatform } from './acpi-platform.ts';
import { buildAcpiTables, writeAcpiTables } from './acpi-tables.ts';

const platform: AcpiPlatform = {
  pm1aEvent: { port: 0x600, sizeBytes: 4 },
  pm1aControl: { port: 0x604, sizeBytes: 2 },
  pmTimer: { port: 0x608, sizeBytes: 4, is32Bit: true },
  sciGsi: 9,
  s5SleepType: 5,
  hasPowerButton: true,
  resetRegister: { port: 0xcf9, value: 6 },
  localApicAddress: 0xfee00000,
  localApics: [0, 1, 2, 300].map((id) => ({ processorUid: id, apicId: id, isEnabled: id < 2 })),
  localNmis: [{ processorUid: 0xff, lint: 1 }],
  ioApics: [{ id: 4, address: 0xfec00000, gsiBase: 0, pinCount: 24 }],
  interruptOverrides: [
    { isaIrq: 0, gsi: 2, polarity: 'activeHigh', trigger: 'edge' },
    { isaIrq: 9, gsi: 9, polarity: 'activeLow', trigger: 'level' },
  ],
  hasLegacyPics: true,
  hasKeyboardController: true,
  hasVga: false,
  rtc: { isPresent: true, centuryIndex: 0x32 },
  serialPorts: [
    { name: 'COM1', port: 0x3f8, sizeBytes: 8, isaIrq: 4 },
    { name: 'COM2', port: 0x2f8, sizeBytes: 8, isaIrq: 3 },
    { name: 'COM3', port: 0x3e8, sizeBytes: 8, isaIrq: 4 },
  ],
};

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const tableOf = (signature: string): Uint8Array => {
  const table = buildAcpiTables(platform, 0xe0000).find((candidate) => candidate.signature === signature);
  assert.ok(table);
  return table.bytes;
};

test('a guest finds the RSDP by its signature and reaches every table from it', () => {
  const memory = pcMemory(0x200000);
  const placement = writeAcpiTables(memory, platform);
  const area = memory.bytes(gpa(0xe0000), 0x20000);
  const starts = Array.from({ length: 0x2000 }, (_, i) => i * 16);
  const text = (at: number, length: number): string => new TextDecoder().decode(area.subarray(at, at + length));
  const found = starts.filter((at) => text(at, 8) === 'RSD PTR ');
  assert.deepEqual(found, [placement.rsdp - 0xe0000]);
  const rsdp = view(area);
  assert.equal(sum(area.subarray(0, 20)), 0);
  assert.equal(sum(area.subarray(0, 36)), 0);
  const list = Number(rsdp.getBigUint64(24, true)) - 0xe0000;
  const tables = [0, 1].map((i) => Number(view(area).getBigUint64(list + 36 + i * 8, true)) - 0xe0000);
  assert.deepEqual(
    tables.map((at) => text(at, 4)),
    ['FACP', 'APIC'],
  );
  const dsdt = view(area).getUint32((tables[0] ?? 0) + 40, true) - 0xe0000;
  const facs = view(area).getUint32((tables[0] ?? 0) + 36, true) - 0xe0000;
  assert.equal(text(dsdt, 4), 'DSDT');
  assert.equal(text(facs, 4), 'FACS');
  assert.equal(facs % 64, 0);
  assert.ok(placement.start + placement.sizeBytes <= 0x100000);
});

test('every table has its length and a checksum of zero', () => {
  for (const { signature, bytes } of buildAcpiTables(platform, 0xe0000)) {
    if (signature === 'FACS' || signature === 'RSD PTR ') continue;
    assert.equal(view(bytes).getUint32(4, true), bytes.length, signature);
    assert.equal(sum(bytes), 0, signature);
  }
});

test('the FADT describes the fixed hardware', () => {
  const fadt = view(tableOf('FACP'));
  assert.equal(fadt.getUint16(46, true), 9);
  assert.equal(fadt.getUint32(48, true), 0);
  assert.deepEqual(
    [56, 64, 76].map((at) => fadt.getUint32(at, true)),
    [0x600, 0x604, 0x608],
  );
  assert.equal(fadt.getUint16(109, true), 0b111);
  assert.equal(fadt.getUint32(112, true), 0b101_0110_0101);
  assert.equal(fadt.getUint8(117), 8);
  assert.equal(Number(fadt.getBigUint64(120, true)), 0xcf9);
  assert.equal(fadt.getUint8(128), 6);
});

test('the MADT lists processors, the I/O APIC, overrides and NMIs', () => {
  const madt = tableOf('APIC');
  assert.equal(view(madt).getUint32(36, true), 0xfee00000);
  const entries: number[][] = [];
  for (let at = 44; at < madt.length; at += madt[at + 1] ?? 1)
    entries.push([...madt.subarray(at, at + (madt[at + 1] ?? 1))]);
  assert.deepEqual(entries, [
    [0, 8, 0, 0, 1, 0, 0, 0],
    [0, 8, 1, 1, 1, 0, 0, 0],
    [0, 8, 2, 2, 0, 0, 0, 0],
    [9, 16, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0],
    [1, 12, 4, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
    [2, 10, 0, 0, 2, 0, 0, 0, 0b0101, 0],
    [2, 10, 0, 9, 9, 0, 0, 0, 0b1111, 0],
    [4, 6, 0xff, 0, 0, 1],
    [10, 12, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0],
  ]);
});

const hasIasl = spawnSync('iasl', ['-v']).status === 0;
test('iasl disassembles and recompiles every table', {
  skip: hasIasl ? false : 'iasl (acpica-tools) is not installed',
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-acpi-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const { signature, bytes } of buildAcpiTables(platform, 0xe0000)) {
    if (signature === 'RSD PTR ') continue;
    const binary = join(folder, `${signature}.dat`);
    const source = join(folder, `${signature}.dsl`);
    writeFileSync(binary, bytes);
    const disassembly = spawnSync('iasl', ['-d', binary], { encoding: 'utf8' });
    assert.equal(disassembly.status, 0, disassembly.stderr);
    assert.doesNotMatch(disassembly.stdout + disassembly.stderr, /error|invalid|incorrect/i, signature);
    const compilation = spawnSync('iasl', ['-vs', source], { encoding: 'utf8' });
    assert.match(compilation.stdout, /Compilation successful\. 0 Errors/, `${signature}\n${compilation.stdout}`);
  }
  const dsdt = readFileSync(join(folder, 'DSDT.dsl'), 'utf8');
  assert.match(dsdt, /Name \(\\_S5, Package \(0x04\).*0x05,\s+0x05,/s);
  assert.match(dsdt, /Name \(_HID, EisaId \("PNP0501"\)/);
  assert.match(dsdt, /IRQ \(Edge, ActiveHigh, Shared, \)\s+\{4\}/);
  assert.match(dsdt, /IRQ \(Edge, ActiveHigh, Exclusive, \)\s+\{3\}/);
});

test('more processors than the BIOS area holds are refused', () => {
  const localApics = Array.from({ length: 4000 }, (_, i) => ({ processorUid: i, apicId: i, isEnabled: true }));
  assert.throws(
    () => buildAcpiTables({ ...platform, localApics }, 0xe0000),
    /Cannot write ACPI tables: they end at 0x/,
  );
});
