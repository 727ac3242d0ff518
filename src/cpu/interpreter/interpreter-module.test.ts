import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildInterpreter, interpreterModule, prepareInterpreter } from './interpreter-module.ts';

const sectionName = 'mezz.functions';
const sections = (module: WebAssembly.Module): ArrayBuffer[] => WebAssembly.Module.customSections(module, sectionName);

test('an interpreter that was built is taken if it was built with the same functions', () => {
  const built = buildInterpreter();
  const other = built.slice();
  other[other.length - 1] = 0x7e; // The last letter of the last function's name.

  prepareInterpreter(other);
  prepareInterpreter(built);

  const [found] = sections(interpreterModule().module);
  assert.deepEqual(found, sections(new WebAssembly.Module(built))[0]);
});
