declare const gpaBrand: unique symbol;

/** Guest-physical address. A number: boards map nothing at or above 2^52, where numbers are exact. */
export type Gpa = number & { readonly [gpaBrand]: true };
export const gpa = (address: number): Gpa => address as Gpa;

/** Guest pages, by number (GPA / 4096). */
export type PageSet = ReadonlySet<number>;

/** Which pages host-side writes have changed since it was started or last taken. */
export interface DirtyLog {
  start(): void;
  take(): PageSet;
  stop(): void;
}

/** Guest RAM as devices and loaders need it: every host-side write goes through `bytesForWrite`. */
export interface GuestMemory {
  /** Bytes of RAM in total. */
  readonly sizeBytes: number;
  /** Ascending, disjoint ranges of RAM. */
  readonly ranges: readonly RamRange[];
  /** True when every byte of the range is RAM. */
  contains(at: Gpa, length: number): boolean;
  /** A live window, to be read only. Throws RangeError when a byte of it is not RAM. */
  bytes(at: Gpa, length: number): Uint8Array;
  /** A live window, logged dirty and its translated code dropped first. Throws RangeError as `bytes` does. */
  bytesForWrite(at: Gpa, length: number): Uint8Array;
  readonly dirtyLog: DirtyLog;
}

export interface RamRange {
  readonly start: Gpa;
  readonly sizeBytes: number;
}
