/**
 * ACPI tables for a guest that is booted without firmware.
 * ACPI specification 6.4, sections 5.2.5 (RSDP), 5.2.7 (RSDT), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.10 (FACS), 5.2.12 (MADT).
 */
import { type Gpa, type GuestMemory, gpa } from '../memory/index.ts';
import { dsdtContent } from './acpi-dsdt.ts';
import type { AcpiInterruptOverride, AcpiLocalApic, AcpiPlatform, AcpiPortBlock } from './acpi-platform.ts';
import { alignUp, asciiBytes, hex, viewOf, writeUint64 } from './bytes.ts';

/** The BIOS area that a guest searches for the RSDP, on 16-byte boundaries (section 5.2.5.1). */
const area = { start: 0xe0000, end: 0x100000 } as const;
const oemId = 'MEZZ  ';
const oemTableId = 'MEZZVM  ';
const headerSize = 36;
const rsdpSize = 36;
const facsAlignment = 64;

export interface AcpiPlacement {
  readonly start: Gpa;
  readonly sizeBytes: number;
  readonly rsdp: Gpa;
}

export interface AcpiTable {
  readonly signature: string;
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Builds the tables for a board and writes them to the BIOS area. Throws RangeError when they don't fit. */
export function writeAcpiTables(memory: GuestMemory, platform: AcpiPlatform): AcpiPlacement {
  const tables = buildAcpiTables(platform, area.start);
  for (const { address, bytes } of tables) memory.bytesForWrite(gpa(address), bytes.length).set(bytes);
  const last = tables.at(-1);
  const end = last ? last.address + last.bytes.length : area.start;
  return { start: gpa(area.start), sizeBytes: end - area.start, rsdp: gpa(area.start) };
}

/** The tables with their addresses, the RSDP first, at `start`. */
export function buildAcpiTables(platform: AcpiPlatform, start: number): AcpiTable[] {
  const tables: AcpiTable[] = [];
  let next = alignUp(start + rsdpSize, facsAlignment);
  const add = (signature: string, bytes: Uint8Array): AcpiTable => {
    const table = { signature, address: next, bytes };
    next = alignUp(next + bytes.length, 16);
    if (next > area.end) {
      throw new RangeError(`Cannot write ACPI tables: they end at ${hex(next)}, the BIOS area at ${hex(area.end)}`);
    }
    tables.push(table);
    return table;
  };
  const facs = add('FACS', facsBytes());
  const dsdt = add('DSDT', withHeader('DSDT', 2, dsdtContent(platform)));
  const fadt = add('FACP', fadtBytes(platform, facs.address, dsdt.address));
  const madt = add('APIC', madtBytes(platform));
  const listed = [fadt.address, madt.address];
  const rsdt = add('RSDT', withHeader('RSDT', 1, addressList(listed, 4)));
  const xsdt = add('XSDT', withHeader('XSDT', 1, addressList(listed, 8)));
  return [{ signature: 'RSD PTR ', address: start, bytes: rsdpBytes(rsdt.address, xsdt.address) }, ...tables];
}

/** The byte that makes the sum of all of them zero. */
const checksum = (bytes: Uint8Array): number => -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;

function withHeader(signature: string, revision: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerSize + content.length);
  const view = viewOf(bytes);
  bytes.set(asciiBytes(signature), 0);
  view.setUint32(4, bytes.length, true);
  bytes[8] = revision;
  bytes.set(asciiBytes(oemId), 10);
  bytes.set(asciiBytes(oemTableId), 16);
  view.setUint32(24, 1, true);
  bytes.set(asciiBytes('MEZZ'), 28);
  view.setUint32(32, 1, true);
  bytes.set(content, headerSize);
  bytes[9] = checksum(bytes);
  return bytes;
}

function rsdpBytes(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new Uint8Array(rsdpSize);
  const view = viewOf(bytes);
  bytes.set(asciiBytes('RSD PTR '), 0);
  bytes.set(asciiBytes(oemId), 9);
  bytes[15] = 2;
  view.setUint32(16, rsdt, true);
  view.setUint32(20, rsdpSize, true);
  writeUint64(view, 24, xsdt);
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}

function facsBytes(): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(asciiBytes('FACS'), 0);
  viewOf(bytes).setUint32(4, bytes.length, true);
  bytes[32] = 2;
  return bytes;
}

function addressList(addresses: readonly number[], sizeBytes: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(addresses.length * sizeBytes);
  const view = viewOf(bytes);
  addresses.forEach((address, i) => {
    view.setUint32(i * sizeBytes, address, true);
  });
  return bytes;
}

/** Fixed feature flags (table 5.10) and IA-PC boot architecture flags (table 5.11). */
const fixedFeature = {
  wbinvd: 1 << 0,
  procC1: 1 << 2,
  noPowerButton: 1 << 4,
  noSleepButton: 1 << 5,
  noFixedRtcWake: 1 << 6,
  timer32: 1 << 8,
  resetRegister: 1 << 10,
};
const bootArchitecture = { legacyDevices: 1 << 0, keyboard8042: 1 << 1, noVga: 1 << 2, noRtc: 1 << 5 };
const systemIo = 1;
const fadtSize = 276;
const noC2 = 0xffff;

/** SMI_CMD stays zero: the machine is always in ACPI mode. */
function fadtBytes(platform: AcpiPlatform, facs: number, dsdt: number): Uint8Array {
  const content = new Uint8Array(fadtSize - headerSize);
  const view = viewOf(content);
  // Offsets below are those of the specification, which counts from the start of the header.
  const u8 = (offset: number, value: number): void => view.setUint8(offset - headerSize, value);
  const u16 = (offset: number, value: number): void => view.setUint16(offset - headerSize, value, true);
  const u32 = (offset: number, value: number): void => view.setUint32(offset - headerSize, value, true);
  const port = (offset: number, extendedOffset: number, block: AcpiPortBlock): void => {
    u32(offset, block.port);
    genericAddress(content, extendedOffset - headerSize, block.port, block.sizeBytes, accessSize.undefined);
  };
  u32(36, facs);
  u32(40, dsdt);
  u16(46, platform.sciGsi);
  port(56, 148, platform.pm1aEvent);
  port(64, 172, platform.pm1aControl);
  port(76, 208, platform.pmTimer);
  u8(88, platform.pm1aEvent.sizeBytes);
  u8(89, platform.pm1aControl.sizeBytes);
  u8(91, platform.pmTimer.sizeBytes);
  u16(96, noC2);
  u16(98, noC2);
  u8(108, platform.rtc.isPresent ? platform.rtc.centuryIndex : 0);
  u16(109, bootFlags(platform));
  u32(112, featureFlags(platform));
  genericAddress(content, 116 - headerSize, platform.resetRegister.port, 1, accessSize.byte);
  u8(128, platform.resetRegister.value);
  u8(131, 1);
  // X_FIRMWARE_CTRL stays zero: a FACS below 4 GiB is named by FIRMWARE_CTRL alone (table 5.9).
  u32(140, dsdt);
  return withHeader('FACP', 6, content);
}

const accessSize = { undefined: 0, byte: 1 } as const;

/** Generic Address Structure (section 5.2.3.2) of an I/O port block. */
function genericAddress(content: Uint8Array, at: number, port: number, sizeBytes: number, access: number): void {
  content[at] = systemIo;
  content[at + 1] = sizeBytes * 8;
  content[at + 3] = access;
  writeUint64(viewOf(content), at + 4, port);
}

function bootFlags(platform: AcpiPlatform): number {
  const flags = bootArchitecture;
  return (
    flags.legacyDevices |
    (platform.hasKeyboardController ? flags.keyboard8042 : 0) |
    (platform.hasVga ? 0 : flags.noVga) |
    (platform.rtc.isPresent ? 0 : flags.noRtc)
  );
}

function featureFlags(platform: AcpiPlatform): number {
  const flags = fixedFeature;
  return (
    flags.wbinvd |
    flags.procC1 |
    (platform.hasPowerButton ? 0 : flags.noPowerButton) |
    flags.noSleepButton |
    flags.noFixedRtcWake |
    (platform.pmTimer.is32Bit ? flags.timer32 : 0) |
    flags.resetRegister
  );
}

const everyProcessor = 0xffffffff;

function madtBytes(platform: AcpiPlatform): Uint8Array {
  const lapics = platform.localApics.map(localApic);
  const ioApics = platform.ioApics.map(({ id, address, gsiBase }) => [1, 12, id, 0, ...u32s(address, gsiBase)]);
  const overrides = platform.interruptOverrides.map(interruptOverride);
  const nmis = platform.localNmis.map(({ processorUid, lint }) => [4, 6, processorUid, 0, 0, lint]);
  const isX2Apic = platform.localApics.some(({ apicId }) => apicId >= 0xff);
  const x2Nmis = isX2Apic
    ? platform.localNmis.map(({ lint }) => [10, 12, 0, 0, ...u32s(everyProcessor), lint, 0, 0, 0])
    : [];
  const head = u32s(platform.localApicAddress, platform.hasLegacyPics ? 1 : 0);
  const entries = [...lapics, ...ioApics, ...overrides, ...nmis, ...x2Nmis].flat();
  return withHeader('APIC', 4, Uint8Array.from([...head, ...entries]));
}

/** A local APIC, or a local x2APIC where the ID doesn't fit in a byte. */
function localApic({ processorUid, apicId, isEnabled }: AcpiLocalApic): number[] {
  const flags = isEnabled ? 1 : 0;
  if (apicId >= 0xff || processorUid >= 0xff) return [9, 16, 0, 0, ...u32s(apicId, flags, processorUid)];
  return [0, 8, processorUid, apicId, ...u32s(flags)];
}

/** MPS INTI flags (table 5.26): polarity in bits 0 and 1, trigger mode in bits 2 and 3. */
function interruptOverride({ isaIrq, gsi, polarity, trigger }: AcpiInterruptOverride): number[] {
  const flags = (polarity === 'activeLow' ? 3 : 1) | ((trigger === 'level' ? 3 : 1) << 2);
  return [2, 10, 0, isaIrq, ...u32s(gsi), flags, 0];
}

const u32s = (...values: number[]): number[] =>
  values.flatMap((value) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
