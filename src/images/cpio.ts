/**
 * cpio archives in the "newc" format, which Linux unpacks as initial RAM file systems.
 * Documentation/driver-api/early-userspace/buffer-format.rst of the Linux kernel.
 */

export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode?: number; readonly content: Uint8Array | string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'characterDevice' | 'blockDevice';
      readonly path: string;
      readonly mode?: number;
      readonly major: number;
      readonly minor: number;
    };

const fileType = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  characterDevice: 0o020000,
  blockDevice: 0o060000,
};
const defaultMode = { directory: 0o755, file: 0o644, symlink: 0o777, characterDevice: 0o600, blockDevice: 0o600 };
const magic = '070701';
const headerSize = 110;
const trailerName = 'TRAILER!!!';
const fieldMax = 0xffffffff;

/** An entry that an archive cannot hold, or a header that cannot be right. */
export class CpioError extends RangeError {
  readonly field: string;

  constructor(action: string, field: string, reason: string) {
    super(`Cannot ${action} cpio archive: ${reason}`);
    this.name = 'CpioError';
    this.field = field;
  }
}

/** Writes an archive. Parents come before children, in the order given; owners are root and times zero. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const members = entries.map((entry, index) => writeMember(entry, index + 1));
  members.push(member({ name: trailerName, mode: 0, inode: 0, links: 1, content: new Uint8Array(), device: [0, 0] }));
  const archive = new Uint8Array(members.flat().reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of members.flat()) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly inode: number;
  readonly links: number;
  readonly content: Uint8Array;
  readonly device: readonly [major: number, minor: number];
}

function writeMember(entry: CpioEntry, inode: number): Uint8Array[] {
  const name = entry.path.replace(/^\/+/, '');
  if (name === '' || name.includes('\0')) throw new CpioError('write', 'c_name', `path ${JSON.stringify(entry.path)}`);
  const permissions = 'mode' in entry && entry.mode !== undefined ? entry.mode & 0o7777 : defaultMode[entry.kind];
  return member({
    name,
    mode: fileType[entry.kind] | permissions,
    inode,
    links: entry.kind === 'directory' ? 2 : 1,
    content: contentOf(entry),
    device: 'major' in entry ? [entry.major, entry.minor] : [0, 0],
  });
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'symlink') return new TextEncoder().encode(entry.target);
  if (entry.kind !== 'file') return new Uint8Array();
  return typeof entry.content === 'string' ? new TextEncoder().encode(entry.content) : entry.content;
}

function member({ name, mode, inode, links, content, device }: Member): Uint8Array[] {
  const encodedName = new TextEncoder().encode(`${name}\0`);
  if (content.length > fieldMax) throw new CpioError('write', 'c_filesize', `${name} has ${content.length} bytes`);
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, ...device, encodedName.length, 0];
  const header = magic + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return [
    new TextEncoder().encode(header),
    encodedName,
    padding(headerSize + encodedName.length),
    content,
    padding(content.length),
  ];
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);

export interface CpioMember {
  readonly path: string;
  /** File type and permissions, as in st_mode. */
  readonly mode: number;
  readonly content: Uint8Array;
  readonly major: number;
  readonly minor: number;
}

/** Reads the first archive in `bytes`, up to its trailer. Throws CpioError. */
export function readCpio(bytes: Uint8Array): CpioMember[] {
  const members: CpioMember[] = [];
  let at = 0;
  for (;;) {
    const header = readHeader(bytes, at);
    const nameEnd = at + headerSize + header.nameSize;
    const start = nameEnd + padding(nameEnd - at).length;
    const end = start + header.fileSize;
    if (end > bytes.length) throw new CpioError('read', 'c_filesize', `it ends within the member at ${at}`);
    const path = new TextDecoder().decode(bytes.subarray(at + headerSize, nameEnd - 1));
    if (path === trailerName) return members;
    members.push({ ...header, path, content: bytes.subarray(start, end) });
    at = end + padding(header.fileSize).length;
  }
}

function readHeader(bytes: Uint8Array, at: number) {
  if (at + headerSize > bytes.length)
    throw new CpioError('read', 'c_magic', `it ends at ${bytes.length}, with no trailer`);
  const text = new TextDecoder('latin1').decode(bytes.subarray(at, at + headerSize));
  if (!text.startsWith(magic)) throw new CpioError('read', 'c_magic', `no "${magic}" at ${at}`);
  const field = (index: number, name: string): number => {
    const digits = text.slice(6 + index * 8, 14 + index * 8);
    if (!/^[0-9a-fA-F]{8}$/.test(digits))
      throw new CpioError('read', name, `${name} at ${at} is no hexadecimal number`);
    return Number.parseInt(digits, 16);
  };
  const nameSize = field(11, 'c_namesize');
  if (nameSize === 0 || at + headerSize + nameSize > bytes.length) {
    throw new CpioError('read', 'c_namesize', `it ends within the name at ${at + headerSize}`);
  }
  return {
    mode: field(1, 'c_mode'),
    fileSize: field(6, 'c_filesize'),
    major: field(9, 'c_rdevmajor'),
    minor: field(10, 'c_rdevminor'),
    nameSize,
  };
}
