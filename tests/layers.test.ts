import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

type Files = Record<string, string>;

const root = resolve(import.meta.dirname, '..');
const packages = join(root, 'node_modules');

/** Writes `files` into a folder of their own, runs one of our tools there, and returns its status and output. */
function runOver(files: Files, tool: string, args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-layers-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const run = spawnSync(process.execPath, [join(packages, tool), ...args], { cwd: folder, encoding: 'utf8' });
    return { status: run.status, output: run.stdout + run.stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the layer lint over one file that holds `statement`, beside the files that such statements name. */
function lintLayers(file: string, statement: string) {
  const files: Files = {
    'package.json': '{ "devDependencies": { "some-package": "1" } }',
    ...neighbours,
    [file]: statement,
  };
  const config = join(root, '.dependency-cruiser.mjs');
  const tool = 'dependency-cruiser/bin/dependency-cruiser.mjs';
  return runOver(files, tool, ['--config', config, '--output-type', 'err', 'src']);
}

const neighbours = Object.fromEntries(
  [
    ...[
      'base/index',
      'base/clock',
      'cpu/index',
      'cpu/isa/index',
      'cpu/isa/values',
      'cpu/isa/x86/layout',
      'cpu/jit/index',
      'vm/index',
    ],
    ...['machine/bus/index', 'machine/bus/address-space', 'machine/devices/index', 'machine/devices/uart'],
    ...['machine/boards/index', 'backends/index', 'host/index', 'images/index', 'cli/main', 'testing/fake-clock'],
    ...['service/api/index', 'service/daemon/index', 'machine/bus/address-space.test'],
  ].map((name) => [`src/${name}.ts`, 'export const it = 1;\nexport type It = 1;\n']),
);

const forbidden: [rule: string, file: string, statement: string][] = [
  ['layer-base', 'src/base/x.ts', `import { it } from '../cpu/index.ts';`],
  ['layer-machine', 'src/machine/devices/x.ts', `import { it } from '../../cpu/index.ts';`],
  ['layer-machine', 'src/machine/devices/x.ts', `import type { It } from '../../vm/index.ts';`],
  ['layer-machine', 'src/machine/devices/x.ts', `import { it } from '../../backends/index.ts';`],
  ['layer-machine-devices', 'src/machine/devices/x.ts', `export { it } from '../boards/index.ts';`],
  ['layer-backends', 'src/backends/x.ts', `import { type It } from '../vm/index.ts';`],
  ['layer-cpu', 'src/cpu/jit/x.ts', `import { it } from '../../machine/devices/index.ts';`],
  ['layer-cpu-wasm', 'src/cpu/wasm/x.ts', `import { it } from '../isa/index.ts';`],
  ['layer-vm', 'src/vm/x.ts', `export * from '../host/index.ts';`],
  ['layer-service-api', 'src/service/api/x.ts', `import { it } from '../../vm/index.ts';`],
  ['layer-cli', 'src/cli/x.ts', `const daemon = await import('../service/daemon/index.ts');`],
  ['layer-sdk', 'src/sdk.ts', `export { it } from './service/daemon/index.ts';`],
  ['through-the-index', 'src/vm/x.ts', `import { it } from '../base/clock.ts';`],
  ['through-the-index', 'src/machine/boards/x.ts', `import type { It } from '../devices/uart.ts';`],
  ['through-the-index', 'src/cpu/interpreter/x.ts', `import { it } from '../isa/x86/layout.ts';`],
  ['node-only-in-leaves', 'src/vm/x.ts', `import { readFileSync } from 'node:fs';`],
  ['node-only-in-leaves', 'src/machine/bus/x.ts', `import type { Socket } from 'node:net';`],
  ['no-packages-below-service', 'src/backends/x.ts', `import anything from 'some-package';`],
  ['testing-stays-in-tests', 'src/vm/x.ts', `import { it } from '../testing/fake-clock.ts';`],
  ['tests-are-leaves', 'src/machine/bus/x.ts', `import { it } from './address-space.test.ts';`],
];

for (const [rule, file, statement] of forbidden) {
  test(`${rule} refuses in ${file}: ${statement}`, () => {
    const { status, output } = lintLayers(file, statement);

    assert.match(output, new RegExp(`error ${rule}: ${file}`));
    assert.notEqual(status, 0);
  });
}

const allowed: [file: string, statement: string][] = [
  ['src/vm/x.ts', `import { it } from '../cpu/index.ts';`],
  ['src/cpu/jit/x.ts', `import type { It } from '../../machine/bus/index.ts';`],
  ['src/cpu/isa/x86/x.ts', `import { it } from '../index.ts';`],
  ['src/backends/x.ts', `import type { It } from '../machine/devices/index.ts';`],
  ['src/host/x.ts', `import { readFileSync } from 'node:fs';`],
  ['src/cpu/kvm/x.ts', `import { openSync } from 'node:fs';`],
  ['src/cli/x.ts', `import { it } from '../service/api/index.ts';`],
  ['src/machine/bus/x.test.ts', `import { test } from 'node:test'; import { it } from '../../testing/fake-clock.ts';`],
  ['src/testing/x.ts', `import { it } from '../machine/devices/uart.ts';`],
];

for (const [file, statement] of allowed) {
  test(`the layer lint allows in ${file}: ${statement}`, () => {
    const { status, output } = lintLayers(file, statement);

    assert.equal(output.includes('error '), false, output);
    assert.equal(status, 0);
  });
}

test('a type written as import() is refused, since the layer lint does not see it', () => {
  const files = {
    'x.ts': `export type X = Map<string, import('./y.ts').It>;\n`,
    'biome.json': JSON.stringify({ root: true, plugins: [join(root, 'tools/no-import-types.grit')] }),
  };

  const { status, output } = runOver(files, '@biomejs/biome/bin/biome', ['lint', 'x.ts']);

  assert.match(output, /Use an import statement/);
  assert.notEqual(status, 0);
});

const compilerCases: [name: string, text: string, expected: RegExp][] = [
  ['a Node global', 'export const x = process.pid;', /Cannot find name 'process'/],
  ['a Node module', `import 'node:fs';`, /Cannot find module 'node:fs'|side-effect import of 'node:fs'/],
  ['the DOM', 'export const x = document.title;', /Cannot find name 'document'/],
];

for (const [name, text, expected] of compilerCases) {
  test(`the compiler refuses ${name} in a portable folder`, () => {
    const { status, output } = compilePortable(text);

    assert.match(output, expected);
    assert.notEqual(status, 0);
  });
}

test('the compiler allows WebAssembly and text encoding in a portable folder', () => {
  const { status, output } = compilePortable(
    `export const x = new WebAssembly.Memory({ initial: 1 }), y = new TextEncoder().encode('y');`,
  );

  assert.equal(output, '');
  assert.equal(status, 0);
});

function compilePortable(text: string) {
  const globals = ['webassembly', 'portable'].map((name) => join(root, `types/${name}.d.ts`));
  const files = {
    'package.json': '{ "type": "module" }',
    'x.ts': text,
    'tsconfig.json': JSON.stringify({
      extends: join(root, 'tsconfig.portable.json'),
      include: ['x.ts', ...globals],
      exclude: [],
    }),
  };
  return runOver(files, 'typescript/bin/tsc', ['--pretty', 'false']);
}
