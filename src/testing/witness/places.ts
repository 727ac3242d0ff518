/** Where a witness case's memory lies, natively and on our machine. native.c has the same numbers. */
export const pageBytes = 0x1000;

/** What a case may read and write: two pages of data, two of stack. Compared after each run. */
export const arena = { bytes: 4 * pageBytes, data: 0, stack: 2 * pageBytes } as const;

export const places = {
  /** Two executable pages that cannot be written; unmapped on both sides. */
  code: 0x1000_0000,
  codeBytes: 2 * pageBytes,
  /** The data pages, then the second stack page once more, read-only, then nothing. */
  data: 0x2000_0000,
  dataBytes: 2 * pageBytes,
  readOnlyData: 0x2000_2000,
  /** The data pages again, above 4 GiB. */
  highData: 0x2222_2000_0000,
  /** Two pages; unmapped on both sides. */
  stack: 0x3000_0000,
  stackBytes: 2 * pageBytes,
  /** Where a sequence jumps when it is done. */
  finish64: 0x0f00_1800,
  finish32: 0x0f00_1c00,
  stubPage: 0x0f00_1000,
  /** What the native program needs for itself: a page before the stubs. */
  control: 0x0f00_0000,
} as const;

/** Selectors as Linux has them, and the three entries that native.c puts into the local table. */
export const selectors = {
  code32: 0x23,
  data: 0x2b,
  code64: 0x33,
  smallData: 0x0f,
  readOnly: 0x17,
  code16: 0x1f,
} as const;

export interface LocalSegment {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly kind: 'data' | 'read-only' | 'code16';
}

export const localSegments: readonly LocalSegment[] = [
  { selector: selectors.smallData, base: places.data + 0x800, limit: 0x17ff, kind: 'data' },
  { selector: selectors.readOnly, base: places.data, limit: 0xfff, kind: 'read-only' },
  { selector: selectors.code16, base: places.code, limit: 0x1fff, kind: 'code16' },
];

/** FS and GS bases in 64-bit mode. */
export const bases64 = { fs: places.data + 0xc00, gs: places.highData + 0x400 } as const;
