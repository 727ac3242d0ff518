import { sharedFunctions } from '../isa/x86/index.ts';
import { customSection } from '../wasm/index.ts';
import { generateFurther } from './further-module.ts';
import { generateInterpreter } from './generator.ts';
import { HandlerTable } from './handler-table.ts';
import { helperNames } from './helpers.ts';

interface Generated {
  readonly table: HandlerTable;
  readonly module: WebAssembly.Module;
}

/** The custom section that says which functions a module has, since others refer to them by number. */
const stampName = 'mezz.functions';
let generated: Generated | undefined;
let further: WebAssembly.Module | undefined;

/**
 * The interpreter's module as bytes, for a file that later programs of this build read instead of generating it again
 * (`prepareInterpreter`).
 */
export function buildInterpreter(): Uint8Array<ArrayBuffer> {
  const table = makeTable();
  const code = generateInterpreter(table, helperNames);
  const stamp = customSection(stampName, stampOf(table));
  const bytes = new Uint8Array(code.length + stamp.length);
  bytes.set(code);
  bytes.set(stamp, code.length);
  return bytes;
}

/** Takes the interpreter from `built`, unless it is there already, or was built with other functions. */
export function prepareInterpreter(built: Uint8Array<ArrayBuffer>): void {
  if (generated) return;
  const table = makeTable();
  const module = new WebAssembly.Module(built);
  const [stamp] = WebAssembly.Module.customSections(module, stampName);
  const expected = stampOf(table);
  const found = new Uint8Array(stamp ?? new ArrayBuffer(0));
  if (found.length === expected.length && found.every((byte, i) => byte === expected[i])) generated = { table, module };
}

/** The interpreter's module is the same for every VM of a process. */
export function interpreterModule(): Generated {
  if (!generated) {
    const table = makeTable();
    generated = { table, module: new WebAssembly.Module(generateInterpreter(table, helperNames)) };
  }
  return generated;
}

/** So is that of its further handlers, made when the first VM uses one. */
export function furtherModule(): WebAssembly.Module {
  further ??= new WebAssembly.Module(generateFurther(interpreterModule().table, helperNames));
  return further;
}

const makeTable = (): HandlerTable => new HandlerTable(helperNames.length + Object.keys(sharedFunctions).length);

const stampOf = (table: HandlerTable): Uint8Array => {
  const names = [...table.variants.map(({ key }) => key), ...helperNames, ...Object.keys(sharedFunctions)];
  return Uint8Array.from(names.join('\n'), (character) => character.charCodeAt(0));
};
