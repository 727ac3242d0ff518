import { generateInterpreter } from './generator.ts';
import { HandlerTable } from './handler-table.ts';
import { helperNames } from './helpers.ts';

interface Generated {
  readonly table: HandlerTable;
  readonly module: WebAssembly.Module;
}

let generated: Generated | undefined;

/** The interpreter's module is the same for every VM of a process. */
export function interpreterModule(): Generated {
  if (!generated) {
    const table = new HandlerTable();
    generated = { table, module: new WebAssembly.Module(generateInterpreter(table, helperNames)) };
  }
  return generated;
}
