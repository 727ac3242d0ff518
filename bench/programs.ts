/** The containers of the bench's own guest programs, which are too small for a tool chain. */

/** Bytes of machine code: one instruction a line in hexadecimal, its assembly after a semicolon. */
export function machineCode(listing: string): Uint8Array {
  const digits = listing.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new RangeError('Cannot read machine code: it is not pairs of hex digits');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The 32-bit little-endian bytes of a number, for listings. */
export function hexWord(value: number): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const multibootMagic = 0x1badb002;
const addressFields = 1 << 16;
/** Where a Multiboot program is loaded; it starts at `entry`. */
export const multibootLayout = { load: 0x100000, entry: 0x100040, gdtPointer: 0x100020, end: 0x110000 } as const;

/**
 * A Multiboot 1 image by the header's address fields (section 3.1.3), with a GDT of a null and a 64-bit code descriptor
 * in it. Memory up to `end` is zeroed by the loader.
 */
export function multibootProgram(code: Uint8Array): Uint8Array {
  const { load, entry, gdtPointer, end } = multibootLayout;
  const bytes = new Uint8Array(entry - load + code.length);
  const view = new DataView(bytes.buffer);
  const header = [multibootMagic, addressFields, -(multibootMagic + addressFields), load, load, 0, end, entry];
  for (const [i, word] of header.entries()) view.setUint32(4 * i, word, true);
  const gdtAt = gdtPointer - load + 8;
  view.setUint16(gdtPointer - load, 15, true);
  view.setUint32(gdtPointer - load + 2, load + gdtAt, true);
  view.setBigUint64(gdtAt + 8, 0x00af9a000000ffffn, true);
  bytes.set(code, entry - load);
  return bytes;
}

/** Where a Linux program is loaded; zeroed memory follows its code up to `end`. */
export const linuxLayout = { load: 0x400000, entry: 0x400078, end: 0x410000 } as const;

/** A static x86-64 Linux executable of one segment that may be read, written and executed. */
export function linuxProgram(code: Uint8Array): Uint8Array {
  const { load, entry, end } = linuxLayout;
  const bytes = new Uint8Array(entry - load + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const halves = { 16: 2, 18: 62, 52: 64, 54: 56, 56: 1 };
  for (const [at, value] of Object.entries(halves)) view.setUint16(Number(at), value, true);
  view.setUint32(20, 1, true);
  const words = { 24: entry, 32: 64, 80: load, 88: load, 96: bytes.length, 104: end - load, 112: 0x1000 };
  for (const [at, value] of Object.entries(words)) view.setBigUint64(Number(at), BigInt(value), true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  bytes.set(code, entry - load);
  return bytes;
}

/** The same for 32 bits, at the same addresses. */
export function linuxProgram32(code: Uint8Array): Uint8Array {
  const { load, entry, end } = linuxLayout;
  const bytes = new Uint8Array(entry - load + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const halves = { 16: 2, 18: 3, 40: 52, 42: 32, 44: 1 };
  for (const [at, value] of Object.entries(halves)) view.setUint16(Number(at), value, true);
  const sizes = { 68: bytes.length, 72: end - load, 76: 7, 80: 0x1000 };
  const words = { 20: 1, 24: entry, 28: 52, 52: 1, 60: load, 64: load, ...sizes };
  for (const [at, value] of Object.entries(words)) view.setUint32(Number(at), value, true);
  bytes.set(code, entry - load);
  return bytes;
}
