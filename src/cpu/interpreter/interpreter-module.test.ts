import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandlerTable, handlerVariants, keysOf } from './handler-table.ts';
import type * as InterpreterModule from './interpreter-module.ts';
import { type BuiltInterpreter, buildInterpreter } from './interpreter-module.ts';

/** How many stamps each module has that a new program makes of what was built: one that is generated has none. */
async function stampsOf(built: BuiltInterpreter): Promise<number[]> {
  const program: typeof InterpreterModule = await import(`./interpreter-module.ts?${programs++}`);
  program.prepareInterpreter(built);
  const modules = [program.interpreterModule().module, program.furtherModule()];
  return modules.map((module) => WebAssembly.Module.customSections(module, 'mezz.functions').length);
}

let programs = 0;
const { main, further } = buildInterpreter();

test('modules that were built are taken', async () => {
  assert.deepEqual(await stampsOf({ main, further }), [1, 1]);
});

test('modules that were built with other functions are generated', async () => {
  const other = (read: () => Uint8Array<ArrayBuffer>) => () => {
    const bytes = read();
    bytes[bytes.length - 1] = 0x7e; // The last letter of the last function's name.
    return bytes;
  };

  assert.deepEqual(await stampsOf({ main: other(main), further: other(further) }), [0, 0]);
});

test('modules that were built of other rows are generated', async () => {
  const other = (read: () => Uint8Array<ArrayBuffer>) => () => {
    const bytes = Buffer.from(read());
    const firstRow = bytes.lastIndexOf('mezz.shapes') + 'mezz.shapes'.length;
    bytes[firstRow] = 0x46; // The first digit of the first row's opcode.
    return new Uint8Array(bytes);
  };

  assert.deepEqual(await stampsOf({ main: other(main), further: other(further) }), [0, 0]);
});

test('a table that knows its keys has the same handlers as one that makes all variants', () => {
  const variants = handlerVariants();
  const made = new HandlerTable(7);
  const known = new HandlerTable(7, keysOf(variants));

  const places = (table: HandlerTable): number[] => variants.map((variant) => table.indexOf(variant));
  assert.deepEqual(places(known), places(made));
  assert.deepEqual([known.size, known.firstRegion], [made.size, made.firstRegion]);
});

test('modules that cannot be compiled or read are generated', async () => {
  const gone = (): never => {
    throw new Error('it is gone');
  };

  assert.deepEqual(await stampsOf({ main: () => new Uint8Array(10), further: gone }), [0, 0]);
});
