import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/*
 * The file: a header of fixed length (magic, length and SHA-256 of the index), the index as JSON, then what it refers to by
 * place, length and CRC-32.
 */
const magic = 'MEZZTR01';
const digestBytes = 32;
const headerBytes = magic.length + 4 + digestBytes;
const mostIndexBytes = 16 << 20;
const mostModules = 16_384;

/** What is kept of a module besides its WebAssembly (structurally the cpu's KeptModule). */
export interface KeptModule {
  readonly slots: { readonly first: number; readonly count: number };
  readonly byteLength: number;
  readonly regions: { readonly words: Int32Array<ArrayBuffer>; readonly code: Uint8Array<ArrayBuffer> };
  readonly keys: Int32Array<ArrayBuffer>;
}

/** A module that is to be kept, or was kept and is to be kept on (structurally the cpu's). */
export interface ModuleInUse {
  readonly kept: KeptModule;
  readonly module: WebAssembly.Module | undefined;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly functions: readonly unknown[];
}

/** Decoded blocks (structurally the cpu's). */
export interface PackedBlocks {
  readonly heads: Int32Array<ArrayBuffer>;
  readonly code: Uint8Array<ArrayBuffer>;
  readonly records: Int32Array<ArrayBuffer>;
}

/** What an engine has when it ends (structurally the cpu's). */
export interface CodeInUse {
  readonly interpreter: { readonly module: WebAssembly.Module; readonly functions: readonly unknown[] };
  readonly modules: readonly ModuleInUse[];
  readonly blocks: { readonly isNew: boolean; packed(): PackedBlocks };
}

/** Some bytes of the file. */
export interface Piece {
  readonly at: number;
  readonly length: number;
  readonly checksum: number;
}

export interface StoredModule extends KeptModule {
  readonly wasm: Piece;
  /** What V8's optimizer made of it, as far as it has. */
  readonly machineCode: Piece | undefined;
  /** How many of its functions that has. */
  readonly optimized: number;
  /** Runs since it was used. */
  readonly idleRuns: number;
}

export interface ModuleToStore {
  readonly kept: KeptModule;
  readonly wasm: Uint8Array;
  readonly machineCode: Uint8Array | undefined;
  readonly optimized: number;
  readonly idleRuns: number;
}

/** Machine code of the interpreter's module, and of how many of its functions. */
export interface StoredInterpreter {
  readonly machineCode: Piece;
  readonly optimized: number;
}

export interface StoredTranslations {
  readonly interpreter: StoredInterpreter | undefined;
  readonly modules: readonly StoredModule[];
  readonly blocks: PackedBlocks | undefined;
}

export interface TranslationsToStore {
  readonly interpreter: { readonly machineCode: Uint8Array; readonly optimized: number } | undefined;
  readonly modules: readonly ModuleToStore[];
  readonly blocks: PackedBlocks;
}

/** CRC-32: it is to tell a damaged file, not one that somebody has made up; nobody else may write it. */
export const pieceChecksum = (bytes: Uint8Array): number => crc32(bytes);

/** `key`: what the code depends on. Gives the file's bytes one after the other. */
export function encodeTranslations(key: string, { interpreter, modules, blocks }: TranslationsToStore): Uint8Array[] {
  const contents: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array): Piece => {
    contents.push(bytes);
    at += bytes.length;
    return { at: at - bytes.length, length: bytes.length, checksum: pieceChecksum(bytes) };
  };
  const about = modules.flatMap(({ kept: { regions, keys } }) => [bytesOf(regions.words), regions.code, bytesOf(keys)]);
  const known = put(Buffer.concat(about));
  const index = {
    key,
    known,
    blocks: { heads: put(bytesOf(blocks.heads)), code: put(blocks.code), records: put(bytesOf(blocks.records)) },
    ...(interpreter && { interpreter: { ...interpreter, machineCode: put(interpreter.machineCode) } }),
    modules: modules.map(({ kept, wasm, machineCode, optimized, idleRuns }) => ({
      slots: kept.slots,
      byteLength: kept.byteLength,
      lengths: [kept.regions.words.byteLength, kept.regions.code.length, kept.keys.byteLength],
      wasm: put(wasm),
      ...(machineCode && { machineCode: put(machineCode) }),
      optimized,
      idleRuns,
    })),
  };
  const json = Buffer.from(JSON.stringify(index));
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 'latin1');
  header.writeUInt32LE(json.length, magic.length);
  createHash('sha256')
    .update(json)
    .digest()
    .copy(header, magic.length + 4);
  return [header, json, ...contents];
}

/** Reads some bytes of a file; undefined: it ends before. */
export type PieceReader = (piece: Pick<Piece, 'at' | 'length'>) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** Undefined: it is another file, or damaged, or has another key. */
export async function decodeTranslations(
  key: string,
  fileBytes: number,
  read: PieceReader,
): Promise<StoredTranslations | undefined> {
  const header = await read({ at: 0, length: headerBytes });
  if (!header) return undefined;
  const head = Buffer.from(header);
  if (head.toString('latin1', 0, magic.length) !== magic) return undefined;
  const length = head.readUInt32LE(magic.length);
  if (length > Math.min(mostIndexBytes, fileBytes - headerBytes)) return undefined;
  const json = await read({ at: headerBytes, length });
  const digest = head.subarray(magic.length + 4);
  if (!json || !createHash('sha256').update(json).digest().equals(digest)) return undefined;
  const index = JSON.parse(Buffer.from(json).toString()) as Index; // Our own: its digest is right.
  if (index.key !== key || index.modules.length > mostModules) return undefined;
  const first = headerBytes + length;
  const placed = (piece: Piece): Piece => ({ ...piece, at: piece.at + first });
  const checked = async (piece: Piece): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const bytes = await read(placed(piece));
    return bytes && pieceChecksum(bytes) === piece.checksum ? bytes : undefined;
  };
  const { heads, code, records } = index.blocks;
  const [known, ...blocks] = await Promise.all([index.known, heads, code, records].map(checked));
  if (!known) return undefined;
  const { interpreter } = index;
  return {
    interpreter: interpreter && { ...interpreter, machineCode: placed(interpreter.machineCode) },
    modules: modulesOf(index, known, placed),
    blocks: blocksOf(blocks),
  };
}

function modulesOf(
  { modules }: Index,
  known: Uint8Array<ArrayBuffer>,
  placed: (piece: Piece) => Piece,
): StoredModule[] {
  let at = 0;
  const take = (bytes: number): Uint8Array<ArrayBuffer> => known.slice(at, (at += bytes));
  return modules.map(({ lengths: [words, code, keys], wasm, machineCode, ...rest }) => ({
    ...rest,
    regions: { words: wordsOf(take(words)), code: take(code) },
    keys: wordsOf(take(keys)),
    wasm: placed(wasm),
    machineCode: machineCode && placed(machineCode),
  }));
}

function blocksOf([heads, code, records]: readonly (Uint8Array<ArrayBuffer> | undefined)[]): PackedBlocks | undefined {
  return heads && code && records && { heads: wordsOf(heads), code, records: wordsOf(records) };
}

interface Index {
  readonly key: string;
  readonly known: Piece;
  readonly blocks: Readonly<Record<keyof PackedBlocks, Piece>>;
  readonly interpreter?: StoredInterpreter;
  readonly modules: readonly {
    readonly slots: KeptModule['slots'];
    readonly byteLength: number;
    readonly lengths: readonly [words: number, code: number, keys: number];
    readonly wasm: Piece;
    readonly machineCode?: Piece;
    readonly optimized: number;
    readonly idleRuns: number;
  }[];
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const wordsOf = (bytes: Uint8Array<ArrayBuffer>): Int32Array<ArrayBuffer> => new Int32Array(bytes.buffer);
