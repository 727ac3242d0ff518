import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ImageDamagedError } from './image-errors.ts';
import { type ImageMaker, ImageStore } from './image-store.ts';
import { ProgramError } from './program.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const make: ImageMaker = async () => ({
  vmlinuz: text('packed kernel'),
  vmlinux: text('kernel'),
  initrd: text('initrd'),
  packages: { 'linux-image-6.1.0-1-cloud-amd64': '6.1.1-1' },
});

async function emptyStore(t: TestContext, maker: ImageMaker = make) {
  const folder = await mkdtemp(join(tmpdir(), 'mezz-images-'));
  t.after(() => rm(folder, { recursive: true }));
  return { folder, store: new ImageStore(folder, maker) };
}

test('a pulled image is listed and opens', async (t) => {
  const { store } = await emptyStore(t);
  const phases: string[] = [];
  await store.pull('default', { onProgress: ({ phase, fraction }) => phases.push(`${phase} ${fraction}`) });
  const [listed] = await store.images();
  const opened = await store.open('debian');
  assert.equal(listed?.name, 'debian');
  assert.equal(listed?.sizeBytes, 25);
  assert.equal(readFileSync(opened.kernelPath, 'utf8'), 'packed kernel');
  assert.equal(readFileSync(opened.unpackedKernelPath ?? '', 'utf8'), 'kernel');
  assert.equal(readFileSync(opened.initrdPath, 'utf8'), 'initrd');
  assert.equal(opened.architecture, 'amd64');
  assert.equal(opened.commandLine, 'console=ttyS0 quiet');
  assert.deepEqual(opened.packages, { 'linux-image-6.1.0-1-cloud-amd64': '6.1.1-1' });
  assert.deepEqual(phases, ['store 0', 'store 1']);
});

test('pulling again replaces the image and leaves nothing behind', async (t) => {
  const { store, folder } = await emptyStore(t);
  await store.pull('debian');
  await store.pull('debian');
  assert.equal(readdirSync(folder).length, 2);
});

test('concurrent pulls of one image leave it whole', async (t) => {
  const { store } = await emptyStore(t);
  await Promise.all(Array.from({ length: 8 }, () => store.pull('debian')));
  const opened = await store.open('debian', { verify: true });
  assert.equal(readFileSync(opened.initrdPath, 'utf8'), 'initrd');
});

test('an image opens while pulls replace it', async (t) => {
  const { store } = await emptyStore(t);
  await store.pull('debian');
  const pulls = Array.from({ length: 10 }, () => store.pull('debian'));
  const opens = Array.from({ length: 30 }, () => store.open('debian', { verify: true }));
  const opened = await Promise.all(opens);
  await Promise.all(pulls);
  assert.equal(opened.length, 30);
});

test('a removed image is gone with its files', async (t) => {
  const { store, folder } = await emptyStore(t);
  await store.pull('debian');
  await store.remove('default');
  assert.deepEqual(readdirSync(folder), []);
  await assert.rejects(store.remove('debian'), { name: 'ImageNotFoundError' });
});

test('an image that was not pulled, or that nobody knows, is told', async (t) => {
  const { store } = await emptyStore(t);
  await assert.rejects(store.open('debian'), {
    message: /^Cannot open image "debian": it is not in the store; "mezz image pull/,
  });
  await assert.rejects(store.open('../x'), { message: /^Cannot open image "..\/x": there is none of that name/ });
  await assert.rejects(store.pull('windows'), { name: 'ImageNotFoundError' });
});

test('a changed file is found out by its checksum', async (t) => {
  const { store } = await emptyStore(t);
  await store.pull('debian');
  const { initrdPath } = await store.open('debian');
  writeFileSync(initrdPath, 'INITRD');
  utimesSync(initrdPath, 1, 1);
  await assert.rejects(
    store.open('debian'),
    (error) => error instanceof ImageDamagedError && error.field === 'initrd' && /SHA-256/.test(error.message),
  );
});

test('a file that was only touched opens all the same', async (t) => {
  const { store } = await emptyStore(t);
  await store.pull('debian');
  const { initrdPath } = await store.open('debian');
  utimesSync(initrdPath, 1, 1);
  assert.equal((await store.open('debian')).initrdPath, initrdPath);
});

test('files that are cut short or missing are told by name', async (t) => {
  const { store } = await emptyStore(t);
  await store.pull('debian');
  const { initrdPath, kernelPath } = await store.open('debian');
  writeFileSync(initrdPath, 'init');
  await assert.rejects(store.open('debian'), /its file "initrd" has 4 bytes, 6 were stored/);
  await rm(kernelPath);
  await assert.rejects(store.open('debian'), /its file "vmlinuz" is missing/);
});

const spoil: readonly [field: string, change: (manifest: Record<string, unknown>) => unknown][] = [
  ['version', (manifest) => ({ ...manifest, version: 2 })],
  ['architecture', (manifest) => ({ ...manifest, architecture: 7 })],
  ['commandLine', (manifest) => ({ ...manifest, commandLine: 'a\nb' })],
  ['folder', (manifest) => ({ ...manifest, folder: '../../etc' })],
  ['packages', (manifest) => ({ ...manifest, packages: [] })],
  ['files', (manifest) => ({ ...manifest, files: null })],
  ['files.vmlinuz', ({ files, ...rest }) => ({ ...rest, files: { ...(files as object), vmlinuz: undefined } })],
  [
    'files.initrd.sha256',
    ({ files, ...rest }) => ({ ...rest, files: { ...(files as object), initrd: { sizeBytes: 6, sha256: 'x' } } }),
  ],
  ['manifest', () => 'text'],
];
for (const [field, change] of spoil) {
  test(`a manifest with a spoiled ${field} is refused, and the field named`, async (t) => {
    const { store, folder } = await emptyStore(t);
    await store.pull('debian');
    const path = join(folder, 'debian.json');
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
    await assert.rejects(store.open('debian'), (error) => error instanceof ImageDamagedError && error.field === field);
    await store.remove('debian');
    assert.equal(existsSync(path), false);
  });
}

test('a pull that fails leaves the older image and no temporary files', async (t) => {
  let fails = false;
  const { store, folder } = await emptyStore(t, async (...args) => {
    if (fails) throw new ProgramError('apt-get', 'it is not installed', {});
    return make(...args);
  });
  await store.pull('debian');
  fails = true;
  await assert.rejects(store.pull('debian'), {
    message: 'Cannot pull image "debian": images are made with Debian\'s package tools, and "apt-get" does not start',
  });
  assert.equal(readdirSync(folder).length, 2);
  assert.ok(await store.open('debian'));
});
