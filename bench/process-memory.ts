import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const pageBytes = 4096;
const entryBytes = 8;
/** Bits of the upper half of a pagemap entry: present in memory, or swapped out. */
const residentBits = (1 << 31) | (1 << 30);

export interface AddressRange {
  readonly start: number;
  readonly sizeBytes: number;
}

/** The writable anonymous mapping of exactly this size, if the process has it. Linux only, as all of this file. */
export function mappingOfSize(pid: number, sizeBytes: number): AddressRange | undefined {
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = '', inode] = /^([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ (\d+)/.exec(line) ?? [];
    const start = Number.parseInt(from, 16);
    if (inode === '0' && Number.parseInt(to, 16) - start === sizeBytes) return { start, sizeBytes };
  }
  return undefined;
}

/** Bytes of a range's pages that the process has touched. */
export function touchedBytes(pid: number, { start, sizeBytes }: AddressRange): number {
  const entries = new Uint8Array((sizeBytes / pageBytes) * entryBytes);
  const file = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const read = readSync(file, entries, 0, entries.length, (start / pageBytes) * entryBytes);
    const words = new Uint32Array(entries.buffer, 0, read / 4);
    let pages = 0;
    for (let i = 1; i < words.length; i += 2) if ((words[i] ?? 0) & residentBits) pages++;
    return pages * pageBytes;
  } finally {
    closeSync(file);
  }
}

/** The resident set, exactly. */
export const residentBytes = (pid: number): number => kibibytesOf(pid, 'smaps_rollup', 'Rss');

/** The largest resident set so far. */
export const peakResidentBytes = (pid: number): number => kibibytesOf(pid, 'status', 'VmHWM');

function kibibytesOf(pid: number, file: string, name: string): number {
  const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
  const [, kibibytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text) ?? [];
  if (kibibytes === undefined) throw new RangeError(`Cannot read ${file} of process ${pid}: it has no ${name}`);
  return Number(kibibytes) * 1024;
}
