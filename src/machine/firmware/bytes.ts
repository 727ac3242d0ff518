export const kibibyte = 0x400;
export const mebibyte = 0x100000;
export const pageSizeBytes = 0x1000;

/** A little-endian reader's and writer's view of exactly these bytes. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** `alignment` is a power of two; numbers up to 2^53 stay exact. */
export const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;
export const alignDown = (value: number, alignment: number): number => Math.floor(value / alignment) * alignment;

/** Whole mebibytes, rounded up, for messages. */
export const inMebibytes = (sizeBytes: number): string => `${Math.ceil(sizeBytes / mebibyte)} MiB`;

/** A 64-bit field as a number. Values from 2^53 on lose low bits, but stay far beyond every range check. */
export function readUint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x1_0000_0000;
}

export function writeUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 0x1_0000_0000, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Characters 0 to 255, one byte each: signatures and identifiers in tables. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** UTF-8 with a terminating zero. */
export function zeroTerminated(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(encoded.length + 1);
  bytes.set(encoded);
  return bytes;
}
