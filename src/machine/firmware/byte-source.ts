/**
 * A file's bytes, in memory (any Uint8Array) or read when asked for: an unpacked kernel has tens of megabytes, which the
 * host then never holds beside the guest's RAM.
 */
export interface ByteSource {
  readonly length: number;
  /** The bytes from `begin` to before `end`, both within the length. */
  subarray(begin: number, end: number): Uint8Array;
  /**
   * Fills `target` with the bytes from `begin` on, without another copy of them, while the program goes on; a Uint8Array has no
   * need of it.
   */
  readInto?(begin: number, target: Uint8Array): Promise<void>;
}

/** Fills `target` with the bytes from `begin` on. */
export async function copyBytes(source: ByteSource, begin: number, target: Uint8Array): Promise<void> {
  if (source.readInto) await source.readInto(begin, target);
  else target.set(source.subarray(begin, begin + target.length));
}
