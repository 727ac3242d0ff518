import { sharedFunctions } from '../isa/x86/index.ts';
import { generateFurther } from './further-module.ts';
import { generateInterpreter } from './generator.ts';
import { HandlerTable } from './handler-table.ts';
import { helperNames } from './helpers.ts';

interface Generated {
  readonly table: HandlerTable;
  readonly module: WebAssembly.Module;
}

let generated: Generated | undefined;
let further: WebAssembly.Module | undefined;

/** The interpreter's module is the same for every VM of a process. */
export function interpreterModule(): Generated {
  if (!generated) {
    const table = new HandlerTable(helperNames.length + Object.keys(sharedFunctions).length);
    generated = { table, module: new WebAssembly.Module(generateInterpreter(table, helperNames)) };
  }
  return generated;
}

/** So is that of its further handlers, made when the first VM uses one. */
export function furtherModule(): WebAssembly.Module {
  further ??= new WebAssembly.Module(generateFurther(interpreterModule().table, helperNames));
  return further;
}
