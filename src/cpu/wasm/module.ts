import { ByteWriter } from './bytes.ts';
import { FunctionBody } from './function.ts';
import { typeCodes, type WasmType } from './opcodes.ts';

interface Import {
  readonly module: string;
  readonly name: string;
  readonly type: number;
}

const section = (into: ByteWriter, id: number, write: (body: ByteWriter) => void): void => {
  into.byte(id).sized(write);
};

/** A custom section, to be put behind an encoded module (core specification, 5.5.3). */
export function customSection(name: string, contents: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  section(out, 0, (s) => s.name(name).bytes(contents));
  return out.view().slice();
}

/** Builds one Wasm module (core specification, 5.5). Imports come before definitions. */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #imports: Import[] = [];
  /** Types of the defined functions; their bodies, and the branch hints of those that have some, as encoded. */
  readonly #functions: number[] = [];
  readonly #code = new ByteWriter();
  readonly #hints = new ByteWriter();
  #hintedFunctions = 0;
  #codeBytes = 0;
  /** What a function is written into: growing a buffer for each one is dear. */
  readonly #scratch = new ByteWriter();
  readonly #declarations = new ByteWriter();
  readonly #exports: { name: string; index: number }[] = [];
  #memory: { module: string; name: string; maximumPages: number } | undefined;
  #table: number[] = [];
  #tableSize = 0;
  #tableExport: string | undefined;
  #tableImport: { module: string; name: string } | undefined;
  #tableOffset = 0;

  /** Index of a function type, shared between equal ones. */
  type(params: readonly WasmType[], results: readonly WasmType[]): number {
    const key = `${params.join(',')}>${results.join(',')}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    this.#types.push(key);
    return this.#types.length - 1;
  }

  /** The one memory, at least `1` and at most `maximumPages` pages of 64 KiB. */
  importMemory(module: string, name: string, maximumPages: number): void {
    this.#memory = { module, name, maximumPages };
  }

  /** The one table, of any size, when it is not the module's own. */
  importTable(module: string, name: string): void {
    this.#tableImport = { module, name };
  }

  /** What an instance writes into an imported table, from `offset` on. */
  setElements(offset: number, functionIndices: readonly number[]): void {
    this.#table = [...functionIndices];
    this.#tableOffset = offset;
  }

  /** Bytes of code so far. */
  get codeBytes(): number {
    return this.#codeBytes;
  }

  /** Throws when a function was defined already: imports take the first indices. */
  importFunction(module: string, name: string, params: readonly WasmType[], results: readonly WasmType[]): number {
    if (this.#functions.length > 0) throw new RangeError(`Cannot import "${name}": functions are defined already`);
    this.#imports.push({ module, name, type: this.type(params, results) });
    return this.#imports.length - 1;
  }

  /** Adds a function. `write` defines none. */
  define(
    params: readonly WasmType[],
    results: readonly WasmType[],
    write: (body: FunctionBody) => void,
    exportAs?: string,
  ): number {
    this.#scratch.length = 0;
    const body = new FunctionBody(params, this.#scratch);
    const index = this.#imports.length + this.#functions.length;
    const type = this.type(params, results);
    write(body);
    this.#functions.push(type);
    this.#append(body, index);
    if (exportAs) this.#exports.push({ name: exportAs, index });
    return index;
  }

  #append(body: FunctionBody, index: number): void {
    const { code } = body;
    const declarations = this.#declarations;
    declarations.length = 0;
    body.encodeLocals(declarations);
    this.#code.u32(declarations.length + code.length + 1);
    this.#code.bytes(declarations.view()).bytes(code.view()).byte(0x0b);
    this.#codeBytes += code.length;
    if (!body.hasHints) return;
    this.#hintedFunctions++;
    this.#hints.u32(index);
    body.encodeHints(this.#hints, declarations.length);
  }

  /** The one table's contents, from element 0, and its size. */
  setTable(functionIndices: readonly number[], size = functionIndices.length, exportAs?: string): void {
    this.#table = [...functionIndices];
    this.#tableSize = size;
    this.#tableExport = exportAs;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter().bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, 1, (s) => this.#writeTypes(s));
    section(out, 2, (s) => this.#writeImports(s));
    section(out, 3, (s) => {
      s.u32(this.#functions.length);
      for (const type of this.#functions) s.u32(type);
    });
    if (this.#table.length > 0 && !this.#tableImport) {
      const size = this.#tableSize;
      section(out, 4, (s) => s.u32(1).byte(0x70).byte(1).u32(size).u32(size));
    }
    section(out, 7, (s) => {
      s.u32(this.#exports.length + (this.#tableExport ? 1 : 0));
      for (const e of this.#exports) s.name(e.name).byte(0).u32(e.index);
      if (this.#tableExport) s.name(this.#tableExport).byte(1).u32(0);
    });
    if (this.#table.length > 0) {
      section(out, 9, (s) => {
        s.u32(1).u32(0).byte(0x41).i32(this.#tableOffset).byte(0x0b).u32(this.#table.length);
        for (const index of this.#table) s.u32(index);
      });
    }
    this.#writeHints(out);
    section(out, 10, (s) => {
      s.u32(this.#functions.length);
      s.bytes(this.#code.view());
    });
    return out.view().slice();
  }

  /** The custom section of the branch hinting proposal, before the code that it is about. */
  #writeHints(out: ByteWriter): void {
    if (this.#hintedFunctions === 0) return;
    section(out, 0, (s) => {
      s.name('metadata.code.branch_hint').u32(this.#hintedFunctions).bytes(this.#hints.view());
    });
  }

  #writeTypes(s: ByteWriter): void {
    s.u32(this.#types.length);
    for (const key of this.#types) {
      const [params = '', results = ''] = key.split('>');
      s.byte(0x60);
      for (const list of [params, results]) {
        const types = list === '' ? [] : (list.split(',') as WasmType[]);
        s.u32(types.length);
        for (const type of types) s.byte(typeCodes[type]);
      }
    }
  }

  #writeImports(s: ByteWriter): void {
    s.u32(this.#imports.length + (this.#memory ? 1 : 0) + (this.#tableImport ? 1 : 0));
    for (const i of this.#imports) s.name(i.module).name(i.name).byte(0).u32(i.type);
    if (this.#memory)
      s.name(this.#memory.module).name(this.#memory.name).byte(2).byte(1).u32(1).u32(this.#memory.maximumPages);
    if (this.#tableImport)
      s.name(this.#tableImport.module).name(this.#tableImport.name).byte(1).byte(0x70).byte(0).u32(0);
  }
}
