import { sharedFunctions, type Variant } from '../isa/x86/index.ts';
import { customSection } from '../wasm/index.ts';
import { generateFurther } from './further-module.ts';
import { generateInterpreter } from './generator.ts';
import { HandlerTable } from './handler-table.ts';
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

/** The custom section that says which functions a module has, since others refer to them by number. */
const stampName = 'mezz.functions';
let generated: Generated | undefined;
let further: WebAssembly.Module | undefined;
let built: BuiltInterpreter | undefined;

/** What `prepareInterpreter` takes in later programs of this build. */
export function buildInterpreter(): BuiltInterpreter {
  const table = makeTable();
  return {
    main: () => stamped(generateInterpreter(table, helperNames), stampOf(table.variants)),
    further: () => stamped(generateFurther(table, helperNames), stampOf(table.furtherVariants)),
  };
}

/** From now on the interpreter is taken from there as far as it is needed and was built with the same functions. */
export function prepareInterpreter(from: BuiltInterpreter): void {
  built = from;
}

/** The interpreter's module is the same for every VM of a process. */
export function interpreterModule(): Generated {
  if (!generated) {
    const table = makeTable();
    const module = built && compileBuilt(built.main, stampOf(table.variants), built.compileMain);
    generated = { table, module: module ?? new WebAssembly.Module(generateInterpreter(table, helperNames)) };
  }
  return generated;
}

/** So is that of its further handlers, made when the first VM uses one. */
export function furtherModule(): WebAssembly.Module {
  if (!further) {
    const { table } = interpreterModule();
    further =
      (built && compileBuilt(built.further, stampOf(table.furtherVariants))) ??
      new WebAssembly.Module(generateFurther(table, helperNames));
  }
  return further;
}

const makeTable = (): HandlerTable => new HandlerTable(helperNames.length + Object.keys(sharedFunctions).length);

const stampOf = (variants: readonly Variant[]): Uint8Array => {
  const names = [...variants.map(({ key }) => key), ...helperNames, ...Object.keys(sharedFunctions)];
  const text = names.join('\n');
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};

function stamped(code: Bytes, stamp: Uint8Array): Bytes {
  const section = customSection(stampName, stamp);
  const bytes = new Uint8Array(code.length + section.length);
  bytes.set(code);
  bytes.set(section, code.length);
  return bytes;
}

/**
 * undefined: what is there has other functions, is no module, or cannot be read any more. It is made anew then: a guest must not
 * end because somebody has built the program again meanwhile.
 */
function compileBuilt(
  read: () => Bytes,
  expected: Uint8Array,
  compile?: BuiltInterpreter['compileMain'],
): WebAssembly.Module | undefined {
  try {
    const bytes = read();
    const module = compile?.(bytes) ?? new WebAssembly.Module(bytes);
    const [section] = WebAssembly.Module.customSections(module, stampName);
    const found = new Uint8Array(section ?? new ArrayBuffer(0));
    const isSame = found.length === expected.length && found.every((byte, i) => byte === expected[i]);
    return isSame ? module : undefined;
  } catch {
    return undefined;
  }
}
