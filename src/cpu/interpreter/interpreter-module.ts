import { sharedFunctions, x86ShapesText } from '../isa/x86/index.ts';
import { customSection } from '../wasm/index.ts';
import { generateFurther } from './further-module.ts';
import { generateInterpreter } from './generator.ts';
import { furtherVariants, HandlerTable, handlerVariants, keysOf } from './handler-table.ts';
import { helperNames } from './helpers.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The interpreter's two modules as bytes: what a build keeps in files, so that programs need not generate them. */
export interface BuiltInterpreter {
  readonly main: () => Bytes;
  /** Of the handlers that few guests use; asked for when one does. */
  readonly further: () => Bytes;
  /** Compiles the first one, where something is known that makes it faster than compiling does; else undefined. */
  readonly compileMain?: (bytes: Bytes) => WebAssembly.Module | undefined;
}

interface Generated {
  readonly table: HandlerTable;
  readonly module: WebAssembly.Module;
}

/**
 * The custom sections that say which functions a module has, since others refer to them by number: of what the handlers were
 * made, and the names of the handlers and of the functions behind them.
 */
const shapesSection = 'mezz.shapes';
const functionsSection = 'mezz.functions';
const functionNames = [...helperNames, ...Object.keys(sharedFunctions)];
let generated: Generated | undefined;
let further: WebAssembly.Module | undefined;
let built: BuiltInterpreter | undefined;

/** What `prepareInterpreter` takes in later programs of this build. */
export function buildInterpreter(): BuiltInterpreter {
  const keys = keysOf(handlerVariants());
  const table = new HandlerTable(functionNames.length, keys);
  return {
    main: () => stamped(generateInterpreter(table, helperNames), keys),
    further: () => stamped(generateFurther(table, helperNames), keysOf(furtherVariants())),
  };
}

/** From now on the interpreter is taken from there as far as it is needed and was built with the same functions. */
export function prepareInterpreter(from: BuiltInterpreter): void {
  built = from;
}

/** The interpreter's module is the same for every VM of a process. */
export function interpreterModule(): Generated {
  generated ??= (built && takeBuilt(built)) ?? generate();
  return generated;
}

/** So is that of its further handlers, made when the first VM uses one. */
export function furtherModule(): WebAssembly.Module {
  if (!further) {
    const keys = keysOf(furtherVariants());
    const found = built && compileBuilt(built.further);
    // Guests may have run for long: this must be of their own build in any case.
    const isSame = found?.keys.length === keys.length && found.keys.every((key, i) => key === keys[i]);
    const { table } = interpreterModule();
    further = isSame ? found.module : new WebAssembly.Module(generateFurther(table, helperNames));
  }
  return further;
}

function generate(): Generated {
  const table = new HandlerTable(functionNames.length);
  return { table, module: new WebAssembly.Module(generateInterpreter(table, helperNames)) };
}

/** With its handlers' keys known, no variant is made here. */
function takeBuilt({ main, compileMain }: BuiltInterpreter): Generated | undefined {
  const found = compileBuilt(main, compileMain);
  return found && { module: found.module, table: new HandlerTable(functionNames.length, found.keys) };
}

function stamped(code: Bytes, keys: readonly string[]): Bytes {
  const text = (name: string, lines: readonly string[]) =>
    customSection(name, new TextEncoder().encode(lines.join('\n')));
  const pieces = [code, text(shapesSection, [x86ShapesText]), text(functionsSection, [...keys, ...functionNames])];
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * A module and the keys of its handlers. undefined: what is there has other functions, is no module, or cannot be read any more.
 * It is made anew then: a guest must not end because somebody has built the program again meanwhile.
 */
function compileBuilt(read: () => Bytes, compile?: BuiltInterpreter['compileMain']) {
  try {
    const bytes = read();
    const module = compile?.(bytes) ?? new WebAssembly.Module(bytes);
    const text = (name: string) => new TextDecoder().decode(WebAssembly.Module.customSections(module, name)[0]);
    if (text(shapesSection) !== x86ShapesText) return undefined;
    const names = text(functionsSection).split('\n');
    const keys = names.slice(0, names.length - functionNames.length);
    return functionNames.every((name, i) => name === names[keys.length + i]) ? { module, keys } : undefined;
  } catch {
    return undefined;
  }
}
