import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  read,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { machineCodeOf, moduleFrom, optimizedCount } from './machine-code.ts';
import {
  type CodeInUse,
  decodeTranslations,
  encodeTranslations,
  type KeptModule,
  type ModuleInUse,
  type ModuleToStore,
  type PackedBlocks,
  type Piece,
  pieceChecksum,
  type StoredInterpreter,
  type StoredModule,
  type StoredTranslations,
  type TranslationsToStore,
} from './translation-format.ts';

/** Which build wrote it: code of another one would be taken for its own. Undefined when this runs from the sources. */
const buildId = readBuildId();
const mostFileBytes = 256 << 20;
/** What is kept at most: WebAssembly, and places in the function table. */
const mostKept = { bytes: 20 << 20, slots: 12_000 } as const;
/** Runs that a module may come through without being used. */
const mostIdleRuns = 8;
/** Code is kept again when this many times as much of it is there, or optimized. */
const noticeable = 1.02;

const readBytes = promisify(read);

/** What a file has, and the file as long as it is open. */
interface Opened extends StoredTranslations {
  readonly fd: number | undefined;
}

/** Opens a file and reads what is to be known of it at once; nothing, where it cannot be used. */
async function openStored(path: string, key: string): Promise<Opened> {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const file = fd;
    const { uid, mode, size } = fstatSync(file);
    // Its code is run: nobody else may have written it.
    const isOurs = (process.getuid === undefined || uid === process.getuid()) && (mode & 0o022) === 0;
    const stored =
      isOurs && size <= mostFileBytes
        ? await decodeTranslations(key, size, (piece) => readPiece(file, piece))
        : undefined;
    if (stored) return { fd, ...stored };
  } catch {
    // As if there were none.
  }
  if (fd !== undefined) closeSync(fd);
  return { fd: undefined, interpreter: undefined, modules: [], blocks: undefined };
}

async function readPiece(fd: number, { at, length }: Pick<Piece, 'at' | 'length'>) {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await readBytes(fd, bytes, done, length - done, at + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

/** A module that is to be in the file. */
interface Chosen {
  readonly inUse: ModuleInUse;
  /** What the file has of it already. */
  readonly stored: StoredModule | undefined;
  /** How many of its functions are optimized. */
  readonly optimized: number;
}

function readBuildId(): string | undefined {
  try {
    return readFileSync(new URL('../build-id', import.meta.url), 'latin1');
  } catch {
    return undefined;
  }
}

/**
 * Keeps translated code between runs, in a file that is this user's own (structurally the cpu's TranslationKeeper). It is only
 * a saving: a file that is damaged, or of another build, counts as none, as does a part that cannot be read, and one that
 * cannot be written is left.
 */
export class TranslationFile {
  readonly modules: readonly StoredModule[];
  readonly blocks: PackedBlocks | undefined;
  readonly #path: string;
  readonly #key: string;
  readonly #interpreter: StoredInterpreter | undefined;
  #fd: number | undefined;

  /** Undefined when this program has no build of which the code is. `variant`: what besides the build the code depends on. */
  static async open(path: string, variant: string, build = buildId): Promise<TranslationFile | undefined> {
    if (build === undefined) return undefined;
    const key = `${build} ${variant}`;
    return new TranslationFile(path, key, await openStored(path, key));
  }

  private constructor(path: string, key: string, { fd, interpreter, modules, blocks }: Opened) {
    this.#path = path;
    this.#key = key;
    this.#fd = fd;
    this.#interpreter = interpreter;
    this.modules = modules;
    this.blocks = blocks;
  }

  compile(module: KeptModule): WebAssembly.Module | undefined {
    const { wasm, machineCode } = module as StoredModule;
    const bytes = this.#piece(wasm);
    if (!bytes) return undefined;
    const code = machineCode && this.#piece(machineCode);
    try {
      return (code && moduleFrom(code, bytes)) ?? new WebAssembly.Module(bytes);
    } catch {
      return undefined;
    }
  }

  compileInterpreter(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module | undefined {
    const code = this.#interpreter && this.#piece(this.#interpreter.machineCode);
    return code && moduleFrom(code, bytes);
  }

  /** Writes the file anew, when there is something new that is worth it. */
  keep({ interpreter, modules, blocks }: CodeInUse): void {
    const chosen = this.#chosen(modules);
    const handlers = optimizedCount(interpreter.functions);
    const before = this.modules.reduce((sum, { optimized }) => sum + 1 + optimized, 0);
    const now = chosen.reduce((sum, { optimized }) => sum + 1 + optimized, 0);
    const areHandlersNew = handlers > (this.#interpreter?.optimized ?? 0) * noticeable;
    if (blocks.isNew || areHandlersNew || now > before * noticeable) {
      this.#write({
        interpreter: areHandlersNew ? this.#optimized(interpreter.module, handlers) : this.#storedInterpreter(),
        modules: chosen.flatMap((module) => this.#toWrite(module) ?? []),
        blocks: blocks.packed(),
      });
    }
  }

  #optimized(module: WebAssembly.Module, optimized: number): TranslationsToStore['interpreter'] {
    const machineCode = machineCodeOf(module);
    return machineCode && { machineCode, optimized };
  }

  #storedInterpreter(): TranslationsToStore['interpreter'] {
    const machineCode = this.#interpreter && this.#piece(this.#interpreter.machineCode);
    return machineCode && this.#interpreter && { machineCode, optimized: this.#interpreter.optimized };
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #piece(piece: Piece): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#bytes(piece);
    return bytes && pieceChecksum(bytes) === piece.checksum ? bytes : undefined;
  }

  #bytes({ at, length }: Pick<Piece, 'at' | 'length'>): Uint8Array<ArrayBuffer> | undefined {
    if (this.#fd === undefined) return undefined;
    const bytes = new Uint8Array(length);
    try {
      for (let done = 0; done < length; ) {
        const count = readSync(this.#fd, bytes, done, length - done, at + done);
        if (count === 0) return undefined;
        done += count;
      }
    } catch {
      return undefined; // As if the file ended there: a guest goes on without.
    }
    return bytes;
  }

  /** What fits, in the order that it was made in: used modules before those that nothing came to. */
  #chosen(modules: readonly ModuleInUse[]): Chosen[] {
    const storedOf = new Map<KeptModule, StoredModule>(this.modules.map((module) => [module, module]));
    const all = modules.map((inUse, order) => ({ inUse, order, stored: storedOf.get(inUse.kept) }));
    const wanted = all.filter(({ inUse, stored }) => inUse.module || (stored?.idleRuns ?? 0) < mostIdleRuns);
    wanted.sort(
      (a, b) => Number(b.inUse.module !== undefined) - Number(a.inUse.module !== undefined) || b.order - a.order,
    );
    const left = { bytes: mostKept.bytes as number, slots: mostKept.slots as number };
    const fitting = wanted.filter(({ inUse: { kept } }) => {
      const fits = kept.byteLength <= left.bytes && kept.slots.count <= left.slots;
      if (fits) left.bytes -= kept.byteLength;
      if (fits) left.slots -= kept.slots.count;
      return fits;
    });
    fitting.sort((a, b) => a.order - b.order);
    return fitting.map(({ inUse, stored }) => {
      const optimized = Math.max(inUse.module ? optimizedCount(inUse.functions) : 0, stored?.optimized ?? 0);
      return { inUse, stored, optimized };
    });
  }

  #toWrite({ inUse: { kept, module, bytes }, stored, optimized }: Chosen): ModuleToStore | undefined {
    const wasm = bytes ?? (stored && this.#piece(stored.wasm));
    if (!wasm) return undefined;
    const isNewer = module !== undefined && optimized > (stored?.optimized ?? 0);
    const machineCode = isNewer ? machineCodeOf(module) : stored?.machineCode && this.#piece(stored.machineCode);
    const idleRuns = module ? 0 : (stored?.idleRuns ?? 0) + 1;
    return { kept, wasm, machineCode, optimized, idleRuns };
  }

  #write(translations: TranslationsToStore): void {
    const temporary = `${this.#path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeAll(temporary, encodeTranslations(this.#key, translations));
      renameSync(temporary, this.#path);
    } catch {
      if (existsSync(temporary)) rmSync(temporary);
    }
  }
}

function writeAll(path: string, pieces: readonly Uint8Array[]): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    for (const bytes of pieces) for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  } finally {
    closeSync(fd);
  }
}
