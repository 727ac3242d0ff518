/** The .xz file format, version 1.1.0, as far as kernels use it: one stream, LZMA2, the x86 filter, CRC-32 or no check. */
import { crc32 } from 'node:zlib';
import { decodeLzma2, Lzma2Output } from './lzma2.ts';
import { UnpackError } from './unpack-error.ts';
import { undoX86Filter } from './x86-filter.ts';

const magic = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const filterId = { x86: 0x04, lzma2: 0x21 } as const;
const checkSizes = new Map([
  [0, 0],
  [1, 4],
]);

export const isXz = (bytes: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

export interface XzLimits {
  /** A good guess saves growing the output. */
  readonly expectedBytes: number;
  readonly limitBytes: number;
}

/** Unpacks the first stream; what follows its last block is ignored. Throws UnpackError. */
export function unpackXz(packed: Uint8Array, { expectedBytes, limitBytes }: XzLimits): Uint8Array<ArrayBuffer> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (!isXz(packed) || packed.length < 12) throw damaged('magic', 'the stream header is missing');
  if (view.getUint32(8, true) !== crc32(packed.subarray(6, 8))) throw damaged('stream header', 'its CRC is wrong');
  const checkSize = checkSizes.get(view.getUint8(7) & 0x0f);
  if (checkSize === undefined) throw damaged('check', `check type ${view.getUint8(7) & 0x0f} is not supported`);
  const output = new Lzma2Output(expectedBytes, limitBytes);
  let at = 12;
  while (packed[at] !== 0) at = unpackBlock(packed, at, checkSize, output);
  return output.buffer.subarray(0, output.length);
}

/** Returns where the next block, or the index, begins. */
function unpackBlock(packed: Uint8Array, at: number, checkSize: number, output: Lzma2Output): number {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const headerSize = ((packed[at] ?? 0) + 1) * 4;
  const dataAt = at + headerSize;
  if (dataAt > packed.length) throw damaged('block header', 'it ends within a block header');
  if (view.getUint32(dataAt - 4, true) !== crc32(packed.subarray(at, dataAt - 4))) {
    throw damaged('block header', 'its CRC is wrong');
  }
  const isX86Filtered = readFilters(packed.subarray(at + 1, dataAt - 4));
  const start = output.length;
  const dataEnd = decodeLzma2(packed, dataAt, output);
  const content = output.buffer.subarray(start, output.length);
  if (isX86Filtered) undoX86Filter(content);
  const checkAt = dataAt + Math.ceil((dataEnd - dataAt) / 4) * 4;
  if (checkAt + checkSize >= packed.length) throw damaged('check', 'it ends before the check');
  if (checkSize === 4 && view.getUint32(checkAt, true) !== crc32(content)) throw damaged('check', 'the CRC is wrong');
  return checkAt + checkSize;
}

/** Returns whether the x86 filter comes before LZMA2; refuses other filters. */
function readFilters(header: Uint8Array): boolean {
  let at = 1;
  const integer = (): number => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = header[at++];
      if (byte === undefined) throw damaged('block header', 'it ends within a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw damaged('block header', 'a number is too long');
  };
  const flags = header[0] ?? 0;
  if (flags & 0x40) integer();
  if (flags & 0x80) integer();
  const filters = Array.from({ length: (flags & 3) + 1 }, () => {
    const id = integer();
    const propertiesSize = integer();
    at += propertiesSize;
    return { id, propertiesSize };
  });
  const [first, second] = filters;
  if (filters.length === 1 && first?.id === filterId.lzma2) return false;
  const isX86 = first?.id === filterId.x86 && first.propertiesSize === 0;
  if (filters.length === 2 && isX86 && second?.id === filterId.lzma2) return true;
  throw damaged('filters', `filters ${filters.map(({ id }) => `0x${id.toString(16)}`).join(', ')} are not supported`);
}

const damaged = (field: string, reason: string): UnpackError => new UnpackError('xz', field, reason);
