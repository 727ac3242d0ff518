/**
 * The LZ4 legacy frame (magic 0x184c2102), which kernels are packed in, and the LZ4 block format within.
 * lz4 project: doc/lz4_Frame_format.md, section "Legacy frame"; doc/lz4_Block_format.md.
 */
import { UnpackError } from './unpack-error.ts';

export const lz4LegacyMagic = 0x184c2102;
const blockSizeMax = 8 << 20;
const minimumMatch = 4;

/**
 * Unpacks blocks until `sizeBytes` are there. The size is known from elsewhere: a legacy frame has no end mark, and a
 * kernel's is followed by its unpacked size.
 */
export function unpackLz4Legacy(packed: Uint8Array, sizeBytes: number): Uint8Array {
  const output = new Uint8Array(sizeBytes);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = 4;
  let written = 0;
  while (written < sizeBytes) {
    if (at + 4 > packed.length) throw damaged('block size', `it ends after ${written} of ${sizeBytes} bytes`);
    const blockSize = view.getUint32(at, true);
    if (at + 4 + blockSize > packed.length) {
      throw damaged('block size', `block at ${at} has ${blockSize} bytes, ${packed.length - at - 4} are there`);
    }
    const block = packed.subarray(at + 4, at + 4 + blockSize);
    const limit = Math.min(sizeBytes, written + blockSizeMax);
    const end = unpackBlock(block, output.subarray(0, limit), written);
    if (end === written) throw damaged('block size', `block at ${at} is empty`);
    written = end;
    at += 4 + blockSize;
  }
  return output;
}

/** Writes one block's content at `start`; matches reach back no further than there. Returns where it ends. */
function unpackBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let from = 0;
  let to = start;
  const byte = (): number => {
    const value = block[from++];
    if (value === undefined) throw damaged('sequence', 'a block ends within a sequence');
    return value;
  };
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) more = byte();
    return length;
  };
  while (from < block.length) {
    const token = byte();
    const literals = lengthFrom(token >>> 4);
    if (from + literals > block.length) throw damaged('literals', 'literals reach past the end of a block');
    if (to + literals > output.length) throw damaged('literals', 'a block holds more than its unpacked size');
    output.set(block.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === block.length) return to;
    const distance = byte() | (byte() << 8);
    const length = lengthFrom(token & 15) + minimumMatch;
    if (distance === 0 || distance > to - start) throw damaged('offset', `match offset ${distance} is out of range`);
    if (to + length > output.length) throw damaged('match length', 'a block holds more than its unpacked size');
    copyMatch(output, to, distance, length);
    to += length;
  }
  return to;
}

/** An overlapping match repeats itself, so it is copied byte by byte. */
function copyMatch(output: Uint8Array, to: number, distance: number, length: number): void {
  if (distance >= length && length > 32) {
    output.copyWithin(to, to - distance, to - distance + length);
    return;
  }
  for (let i = 0; i < length; i++) output[to + i] = output[to + i - distance] as number;
}

const damaged = (field: string, reason: string): UnpackError => new UnpackError('lz4', field, reason);
