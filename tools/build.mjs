/**
 * Makes dist/ of src/: a file for each folder instead of one for each module, since finding and linking four hundred of
 * them took most of the time that the command needs to start; and the interpreter's modules, which need not be
 * generated then. Types of the library are written by tsc. Plain JavaScript for the Node that the system has.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src/');
const dist = join(root, 'dist/');

/** The first that a module is in is its file: `--stats` tells by them what time is spent for. */
const folders = [
  'base',
  'cpu/wasm',
  'cpu/isa',
  'cpu/interpreter',
  'cpu/jit',
  'cpu/lockstep',
  'machine',
  'backends',
  'vm',
  'images',
  'host',
  'cli',
];

/**
 * What is needed before the rest of their folders: to have V8 keep what it compiles (src/cli/main.ts), to read options and to
 * make a VM's memory (src/cpu/index.ts).
 */
const early = {
  'host/start': ['host/compile-cache', 'host/mezz-home'],
  'cpu/front': ['cpu/index', ...['layout', 'mode', 'features', 'processor'].map((name) => `cpu/isa/x86/${name}`)],
};
const earlyChunks = new Map(
  Object.entries(early).flatMap(([chunk, names]) => names.map((name) => [`${source}${name}.ts`, chunk])),
);

/** What is started, or loaded by name. Those that do something when they are loaded stay files of their own. */
const entries = [
  'sdk',
  'cli/main',
  'cli/program',
  'host/thread-entry',
  'cpu/engines',
  'cpu/jit/translation-thread',
  'cpu/interpreter/interpreter-module',
];
const alone = new Set(
  ['sdk', 'cli/main', 'cli/program', 'host/thread-entry', 'cpu/engines', 'cpu/jit/translation-thread'].map(
    (name) => `${source}${name}.ts`,
  ),
);

const chunkOf = (id) => {
  if (alone.has(id)) return null;
  const chunk = earlyChunks.get(id);
  if (chunk !== undefined) return chunk;
  const folder = folders.find((name) => id.startsWith(`${source}${name}/`));
  return folder === undefined ? null : `${folder}/all`;
};

async function bundle() {
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, `${source}${name}.ts`])),
    platform: 'node',
    preserveEntrySignatures: 'allow-extension',
    // No module does anything when it is loaded but those that are started: what is not used of one is not loaded either.
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await build.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    // A fifth of the text, which is read at each start.
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'folder', name: chunkOf, test: /\.ts$/ }],
    },
  });
  await build.close();
  checkStart(output);
}

/** The engines are loaded while a VM's memory is filled (src/cpu/index.ts), not before. */
function checkStart(chunks) {
  const importsOf = new Map(chunks.map(({ fileName, imports }) => [fileName, imports ?? []]));
  for (const start of ['cli/main.js', 'cli/program.js', 'sdk.js']) {
    const files = new Set([start]);
    for (const file of files) for (const next of importsOf.get(file) ?? []) files.add(next);
    const engine = [...files].find((file) => /^cpu\/(?!front\.js$)/.test(file));
    if (engine !== undefined) throw new Error(`Cannot build: ${start} loads ${engine} at once`);
  }
}

function writeTypes() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('Cannot build: tsc failed');
}

/** Of all that was built: code that is kept between runs belongs to one build. */
function digestOf(folder) {
  const digest = createHash('sha256');
  const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
  for (const name of files.sort()) digest.update(`${name}\n`).update(readFileSync(join(folder, name)));
  return digest.digest('hex');
}

rmSync(dist, { recursive: true, force: true });
await bundle();
writeTypes();
const { buildInterpreter } = await import(new URL('cpu/interpreter/interpreter-module.js', `file://${dist}`));
const { main, further } = buildInterpreter();
writeFileSync(join(dist, 'cpu/interpreter/main.wasm'), main());
writeFileSync(join(dist, 'cpu/interpreter/further.wasm'), further());
writeFileSync(join(dist, 'build-id'), digestOf(dist));
