/**
 * Builds ACPI Machine Language, just what a DSDT of a simple board needs. Each function returns encoded bytes.
 * ACPI specification 6.4, section 20 (AML encoding), 6.4 (resource descriptors), 19.3.4 (EISA identifiers).
 */
import { asciiBytes } from './bytes.ts';

export type Aml = readonly number[];

const opcode = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  bytePrefix: 0x0a,
  wordPrefix: 0x0b,
  dwordPrefix: 0x0c,
  stringPrefix: 0x0d,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  extended: 0x5b,
  device: 0x82,
  root: 0x5c,
} as const;

const littleEndian = (value: number, sizeBytes: number): Aml =>
  Array.from({ length: sizeBytes }, (_, i) => (value >>> (8 * i)) & 0xff);

/** An unsigned 32-bit integer in its shortest form. */
export function amlInteger(value: number): Aml {
  if (value === 0) return [opcode.zero];
  if (value === 1) return [opcode.one];
  if (value <= 0xff) return [opcode.bytePrefix, value];
  if (value <= 0xffff) return [opcode.wordPrefix, ...littleEndian(value, 2)];
  return [opcode.dwordPrefix, ...littleEndian(value, 4)];
}

export const amlString = (text: string): Aml => [opcode.stringPrefix, ...asciiBytes(text), 0];

/** PkgLength counts itself: one byte up to 63, else four bits in the first byte and one to three bytes after it. */
function packageLength(bodySize: number): Aml {
  if (bodySize + 1 <= 0x3f) return [bodySize + 1];
  const extraBytes = bodySize + 2 <= 0xfff ? 1 : bodySize + 3 <= 0xfffff ? 2 : 3;
  const total = bodySize + 1 + extraBytes;
  return [(extraBytes << 6) | (total & 0xf), ...littleEndian(total >>> 4, extraBytes)];
}

const withLength = (operator: Aml, body: Aml): Aml => [...operator, ...packageLength(body.length), ...body];

/** Four characters: a letter or underscore first, then digits too; padded with underscores. */
function segment(name: string): Aml {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(name)) throw new RangeError(`Cannot encode AML name "${name}": not a NameSeg`);
  return [...asciiBytes(name.padEnd(4, '_'))];
}

/** A name of one segment, from the root when it begins with a backslash. */
const nameString = (name: string): Aml =>
  name.startsWith('\\') ? [opcode.root, ...segment(name.slice(1))] : segment(name);

export const amlName = (name: string, value: Aml): Aml => [opcode.name, ...nameString(name), ...value];

export const amlScope = (name: string, ...content: Aml[]): Aml =>
  withLength([opcode.scope], [...nameString(name), ...content.flat()]);

export const amlDevice = (name: string, ...content: Aml[]): Aml =>
  withLength([opcode.extended, opcode.device], [...segment(name), ...content.flat()]);

export const amlPackage = (...elements: Aml[]): Aml =>
  withLength([opcode.package], [elements.length, ...elements.flat()]);

export const amlBuffer = (bytes: Aml): Aml => withLength([opcode.buffer], [...amlInteger(bytes.length), ...bytes]);

/** "PNP0501" as the compressed integer that _HID holds: three letters of five bits, four hex digits, big-endian. */
export function amlEisaId(id: string): Aml {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) throw new RangeError(`Cannot encode EISA identifier "${id}": not AAA0000`);
  const letter = (i: number): number => id.charCodeAt(i) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return [opcode.dwordPrefix, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

/** I/O port descriptor, 16-bit decode. */
export const ioPorts = (port: number, sizeBytes: number): Aml => [
  0x47,
  0x01,
  ...littleEndian(port, 2),
  ...littleEndian(port, 2),
  1,
  sizeBytes,
];

/** IRQ descriptor: an ISA interrupt, edge-triggered, active high. */
export const isaIrq = (irq: number, isShared = false): Aml => [
  0x23,
  ...littleEndian(1 << irq, 2),
  isShared ? 0x11 : 0x01,
];

/** A _CRS value: the descriptors and an end tag whose checksum zero means "not computed". */
export const resourceTemplate = (...descriptors: Aml[]): Aml => amlBuffer([...descriptors.flat(), 0x79, 0x00]);
