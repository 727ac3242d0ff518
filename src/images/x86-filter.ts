/**
 * The x86 branch filter ("BCJ") of the .xz format, section 5.3.2: targets of calls and jumps were made absolute before
 * packing. Which ones is a heuristic that exists only as the reference code (XZ Embedded, xz_dec_bcj.c), followed here.
 */
const isConvertible = [true, true, true, false, true, false, false, false] as const;
const maskBits = [0, 1, 2, 2, 3, 3, 3, 3] as const;

const isSignByte = (byte: number | undefined): boolean => byte === 0x00 || byte === 0xff;

/** Makes the targets relative again, in place. `bytes` is a whole filtered block, from its first byte. */
export function undoX86Filter(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let previous = -1;
  let mask = 0;
  for (let i = 0; i < bytes.length - 4; i++) {
    if (((bytes[i] as number) & 0xfe) !== 0xe8) continue;
    const distance = i - previous;
    previous = i;
    mask = distance > 3 ? 0 : (mask << (distance - 1)) & 7;
    if (mask !== 0 && (!isConvertible[mask] || isSignByte(bytes[i + 4 - (maskBits[mask] as number)]))) {
      mask = (mask << 1) | 1;
      continue;
    }
    if (!isSignByte(bytes[i + 4])) {
      mask = (mask << 1) | 1;
      continue;
    }
    view.setInt32(i + 1, relativeTarget(view.getUint32(i + 1, true), i + 5, mask), true);
    i += 4;
  }
}

function relativeTarget(stored: number, nextInstruction: number, mask: number): number {
  let source = stored;
  let target = (source - nextInstruction) | 0;
  while (mask !== 0) {
    const shift = (maskBits[mask] as number) * 8;
    if (!isSignByte((target >>> (24 - shift)) & 0xff)) break;
    source = target ^ (2 ** (32 - shift) - 1);
    target = (source - nextInstruction) | 0;
  }
  return (target << 7) >> 7;
}
