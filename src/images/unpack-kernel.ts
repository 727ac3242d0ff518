import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4LegacyMagic, unpackLz4Legacy } from './lz4.ts';
import { UnpackError } from './unpack-error.ts';
import { isXz, unpackXz } from './xz.ts';

const zstdMagic = 0xfd2fb528;
const kernelSizeMax = 512 << 20;

/**
 * Unpacks a kernel's payload, recognised by its magic number: gzip, xz, lz4, zstd. Undefined for the formats that only
 * the kernel's own decompressor knows (bzip2, lzma, lzo). Throws UnpackError when the data is damaged.
 */
export function unpackKernel(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length < 8) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (view.getUint16(0) === 0x1f8b) return unpackByZlib('gzip', () => gunzipSync(payload, limits));
  // The kernel's build appends the unpacked size to every format that lacks one (scripts/Makefile.lib: size_append).
  const sizeBytes = view.getUint32(payload.length - 4, true);
  const packed = payload.subarray(0, -4);
  if (view.getUint32(0, true) === zstdMagic) return unpackByZlib('zstd', () => zstdDecompressSync(packed, limits));
  if (isXz(payload)) {
    return unpackXz(payload, { expectedBytes: Math.min(sizeBytes, kernelSizeMax), limitBytes: kernelSizeMax });
  }
  if (view.getUint32(0, true) !== lz4LegacyMagic) return undefined;
  if (sizeBytes > kernelSizeMax) {
    throw new UnpackError('lz4', 'size', `its unpacked size ${sizeBytes} is more than ${kernelSizeMax}`);
  }
  return unpackLz4Legacy(packed, sizeBytes);
}

const limits = { maxOutputLength: kernelSizeMax };

function unpackByZlib(format: string, unpack: () => Uint8Array): Uint8Array {
  try {
    return unpack();
  } catch (cause) {
    throw new UnpackError(format, 'data', `it is damaged or unpacks to more than ${kernelSizeMax} bytes`, { cause });
  }
}
