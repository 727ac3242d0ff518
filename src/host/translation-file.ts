import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { machineCodeOf, moduleFrom, optimizedCount } from './machine-code.ts';
import {
  type CodeInUse,
  decodeTranslations,
  encodeTranslations,
  headerBytes,
  type KeptModule,
  type ModuleInUse,
  type Piece,
  pieceDigest,
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
/** The interpreter's code is kept again when this many times as much of it is optimized. */
const noticeable = 1.05;

function readBuildId(): string | undefined {
  try {
    return readFileSync(new URL('../build-id', import.meta.url), 'latin1');
  } catch {
    return undefined;
  }
}

/**
 * Keeps translated code between runs, in a file that is this user's own. It is only a saving (structurally the cpu's TranslationKeeper): a file that is damaged, or of
 * another build, counts as none, and one that cannot be written is left.
 */
export class TranslationFile {
  readonly modules: readonly StoredModule[];
  readonly #path: string;
  readonly #key: string;
  readonly #interpreter: StoredInterpreter | undefined;
  #fd: number | undefined;

  /** Undefined when this program has no build of which the code is. `variant`: what besides the build the code depends on. */
  static open(path: string, variant: string, build = buildId): TranslationFile | undefined {
    return build === undefined ? undefined : new TranslationFile(path, `${build} ${variant}`);
  }

  private constructor(path: string, key: string) {
    this.#path = path;
    this.#key = key;
    ({ interpreter: this.#interpreter, modules: this.modules } = this.#read());
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

  /** Writes the file anew, when there is something new. */
  keep({ interpreter, modules }: CodeInUse): void {
    const kept = this.#chosen(modules);
    const { isNew, code } = this.#interpreterToWrite(interpreter);
    if (isNew || kept.some((module) => module.isNew)) {
      this.#write({ interpreter: code, modules: kept.map(({ module }) => module) });
    }
    this.close();
  }

  #interpreterToWrite({ module, functions }: CodeInUse['interpreter']) {
    const stored = this.#interpreter;
    const count = optimizedCount(functions);
    const isNew = count > (stored?.optimized ?? 0) * noticeable;
    const machineCode = isNew ? machineCodeOf(module) : stored && this.#piece(stored.machineCode);
    const optimized = isNew ? count : (stored?.optimized ?? 0);
    return { isNew, code: machineCode && { machineCode, optimized } };
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #read(): StoredTranslations {
    try {
      this.#fd = openSync(this.#path, 'r');
      const { uid, mode, size } = fstatSync(this.#fd);
      // Its code is run: nobody else may have written it.
      const isOurs = (process.getuid === undefined || uid === process.getuid()) && (mode & 0o022) === 0;
      const header = isOurs && size <= mostFileBytes ? this.#bytes({ at: 0, length: headerBytes }) : undefined;
      const stored = header && decodeTranslations(header, this.#key, size, (piece) => this.#bytes(piece));
      if (stored) return stored;
    } catch {
      // As if there were none.
    }
    this.close();
    return { interpreter: undefined, modules: [] };
  }

  #piece(piece: Piece): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#bytes(piece);
    return bytes && pieceDigest(bytes) === piece.digest ? bytes : undefined;
  }

  #bytes({ at, length }: Pick<Piece, 'at' | 'length'>): Uint8Array<ArrayBuffer> | undefined {
    if (this.#fd === undefined) return undefined;
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#fd, bytes, done, length - done, at + done);
      if (count === 0) return undefined;
      done += count;
    }
    return bytes;
  }

  /** What fits, in the order that it was made in: used modules before those that nothing came to. */
  #chosen(modules: readonly ModuleInUse[]) {
    const all = modules.map((inUse, order) => ({ inUse, order, stored: this.modules.find((m) => m === inUse.kept) }));
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
    return fitting.flatMap(({ inUse, stored }) => this.#toWrite(inUse, stored) ?? []);
  }

  #toWrite({ kept, module, bytes, functions }: ModuleInUse, stored: StoredModule | undefined) {
    const wasm = bytes ?? (stored && this.#piece(stored.wasm));
    if (!wasm) return undefined;
    const optimized = module ? optimizedCount(functions) : 0;
    const isNewer = module !== undefined && optimized > (stored?.optimized ?? 0);
    const machineCode = isNewer ? machineCodeOf(module) : stored?.machineCode && this.#piece(stored.machineCode);
    const idleRuns = module ? 0 : (stored?.idleRuns ?? 0) + 1;
    const count = isNewer ? optimized : (stored?.optimized ?? 0);
    return { isNew: !stored || isNewer, module: { kept, wasm, machineCode, optimized: count, idleRuns } };
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
