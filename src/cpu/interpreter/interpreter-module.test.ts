import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildInterpreter, furtherModule, interpreterModule, prepareInterpreter } from './interpreter-module.ts';

const stamps = (module: WebAssembly.Module): number =>
  WebAssembly.Module.customSections(module, 'mezz.functions').length;

test('a module that was built is taken if it was built with the same functions', () => {
  const { main, further } = buildInterpreter();
  const other = further();
  other[other.length - 1] = 0x7e; // The last letter of the last function's name.

  prepareInterpreter({ main, further: () => other });

  // One that is generated has no stamp.
  assert.deepEqual([stamps(interpreterModule().module), stamps(furtherModule())], [1, 0]);
});
