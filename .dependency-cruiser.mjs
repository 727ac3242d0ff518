/**
 * The layer lint: which folder of src may import which. Type-only imports count too. `npm run layers` runs it, and
 * tests/layers.test.ts proves that it bites.
 */
import { globSync } from 'node:fs';
import { dirname } from 'node:path';

const machineBelowBoards = ['machine/memory', 'machine/bus', 'machine/devices', 'machine/virtio', 'machine/firmware'];
const aVmWithParts = ['base', 'cpu', 'machine', 'backends', 'vm'];

/** A folder, and what it may import besides itself. Interfaces belong to their users: backends see the machine's. */
const mayImport = {
  base: [],
  cpu: ['base', 'machine/memory', 'machine/bus'],
  'cpu/wasm': ['base'],
  machine: ['base'],
  ...Object.fromEntries(machineBelowBoards.map((name) => [name, ['base', ...machineBelowBoards]])),
  backends: ['base', 'machine'],
  vm: ['base', 'cpu', 'machine', 'backends'],
  host: ['base', 'machine', 'backends'],
  images: ['base', 'machine', 'backends', 'host'],
  'service/api': ['base'],
  'service/daemon': [...aVmWithParts, 'host', 'images', 'service/api'],
  'service/cluster': [...aVmWithParts, 'host', 'images', 'service/api'],
  cli: [...aVmWithParts, 'host', 'images', 'service/api'],
  web: [...aVmWithParts, 'service/api'],
};

const folders = (...names) => `^src/(${names.join('|')})/`;
const testFile = '\\.test\\.ts$';
const nodeFolders = folders('host', 'images', 'cpu/kvm', 'service/daemon', 'service/cluster', 'cli', 'testing');
const packageFolders = folders('host', 'images', 'service/daemon', 'service/cluster', 'cli', 'web', 'testing');

const packages = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown', 'unknown'];

const layers = Object.entries(mayImport).map(([name, below]) => ({
  name: `layer-${name.replace('/', '-')}`,
  comment: `Besides itself, ${name} may import ${below.join(', ') || 'nothing'}.`,
  from: { path: folders(name) },
  to: { path: '^src/', pathNot: folders(name, ...below, 'testing') },
}));

const leaves = [
  {
    name: 'layer-sdk',
    comment: 'The library is a client: it speaks service/api, never the daemon itself.',
    from: { path: '^src/[^/]+\\.ts$' },
    to: { path: folders('service/daemon', 'service/cluster', 'cli', 'web') },
  },
  {
    name: 'testing-stays-in-tests',
    comment: 'Only test files and src/testing itself import src/testing.',
    from: { path: '^src/', pathNot: [folders('testing'), testFile] },
    to: { path: folders('testing') },
  },
  {
    name: 'tests-are-leaves',
    comment: 'Nothing imports a test; what tests share lives in src/testing.',
    from: {},
    to: { path: `^tests/|${testFile}`, pathNot: '^tests/.*(?<!\\.test)\\.ts$' },
  },
  {
    name: 'node-only-in-leaves',
    comment: 'Portable folders run in a browser: node:* belongs to host, images, cpu/kvm, service and cli.',
    from: { path: '^src/', pathNot: [nodeFolders, testFile] },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'no-packages-below-service',
    comment: 'Everything below service has no run-time dependency.',
    from: { path: '^src/', pathNot: [packageFolders, testFile] },
    to: { dependencyTypes: packages, pathNot: '^\\.' },
  },
  {
    name: 'no-dev-packages-in-product',
    comment: 'What the product imports belongs under dependencies.',
    from: { path: '^src/', pathNot: [folders('testing'), testFile] },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
  },
];

/** The folders that export through an index.ts: those named in the conventions, and any other that has one. */
const namedFolders = [
  ...Object.keys(mayImport),
  ...[
    'cpu/isa',
    'cpu/isa/x86',
    'cpu/interpreter',
    'cpu/jit',
    'cpu/kvm',
    'machine/boards',
    'vm/snapshot',
    'vm/migration',
  ],
];
const indexedFolders = globSync('src/**/index.ts').map((file) =>
  dirname(file).replaceAll('\\', '/').slice('src/'.length),
);
const houses = [...new Set([...namedFolders, ...indexedFolders])].filter((name) => !/^testing(\/|$)/.test(name));

const throughTheIndex = houses.map((name) => {
  const rooms = houses.filter((other) => other.startsWith(`${name}/`)).map((other) => other.slice(name.length + 1));
  const itself = rooms.length === 0 ? folders(name) : `${folders(name)}(?!(${rooms.join('|')})/)`;
  return {
    name: 'through-the-index',
    comment: 'A folder exports through its index.ts; reaching past it from outside is an error.',
    from: { path: '^src/', pathNot: [folders(name), folders('testing')] },
    to: { path: itself, pathNot: `^src/${name}/index\\.ts$` },
  };
});

export default {
  forbidden: [...layers, ...leaves, ...throughTheIndex].map((rule) => ({ severity: 'error', ...rule })),
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/fixtures/' },
  },
};
