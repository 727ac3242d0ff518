import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TranslationFile } from './translation-file.ts';
import type { CodeInUse, KeptModule, ModuleInUse, PackedBlocks } from './translation-format.ts';

const build = 'a build';

/** A module whose function `run` counts down from its operand, so that V8 optimizes it, and gives `result`. */
const countdown = (result: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f], // type: i32 to i32
    ...[3, 2, 1, 0],
    ...[7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0], // export "run"
    ...[10, 18, 1, 16, 0],
    ...[0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b], // loop: local.tee(local.get - 1), br_if
    ...[0x41, result, 0x0b], // i32.const
  );

function inUse(bytes: Uint8Array<ArrayBuffer>, firstSlot: number): ModuleInUse {
  const kept: KeptModule = {
    slots: { first: firstSlot, count: 1 },
    byteLength: bytes.length,
    regions: { words: Int32Array.of(1, -2, firstSlot), code: Uint8Array.of(0x90, 0xc3) },
    keys: Int32Array.of(-firstSlot),
  };
  const module = new WebAssembly.Module(bytes);
  const { run } = new WebAssembly.Instance(module).exports;
  for (let i = 0; i < 200; i++) (run as (count: number) => number)(100_000);
  return { kept, module, bytes, functions: [run] };
}

const blocks: PackedBlocks = {
  heads: Int32Array.of(1, 2, 3),
  code: Uint8Array.of(0x90),
  records: Int32Array.of(4, 5, 6, 7),
};
const interpreterBytes = countdown(1);
const codeOf = (...modules: ModuleInUse[]): CodeInUse => ({
  interpreter: { module: new WebAssembly.Module(interpreterBytes), functions: [] },
  modules,
  blocks: { isNew: true, packed: () => blocks },
});

const resultOf = (module: WebAssembly.Module | undefined): unknown =>
  module && (new WebAssembly.Instance(module).exports.run as (count: number) => number)(3);

function pathIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-translations-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'translations', 'guest');
}

const open = async (path: string, variant = 'plain', id = build): Promise<TranslationFile> => {
  const file = await TranslationFile.open(path, variant, id);
  assert.ok(file);
  return file;
};

async function keep(path: string, code: CodeInUse): Promise<void> {
  const file = await open(path);
  file.keep(code);
  file.close();
}

test('modules come back as they were kept, in a file of the user alone', async (t) => {
  const path = pathIn(t);
  const modules = [inUse(countdown(7), 0), inUse(countdown(8), 1)];
  await keep(path, codeOf(...modules));

  const file = await open(path);

  assert.equal(statSync(path).mode & 0o777, 0o600);
  for (const [i, module] of file.modules.entries()) {
    const { slots, byteLength, regions, keys } = module;
    assert.deepEqual({ slots, byteLength, regions, keys }, modules[i]?.kept);
    assert.equal(resultOf(file.compile(module)), 7 + i);
  }
  assert.equal(file.modules.length, 2);
  assert.deepEqual(file.blocks, blocks);
  file.close();
});

test('a file of another build, or for other code, counts as none', async (t) => {
  const path = pathIn(t);
  await keep(path, codeOf(inUse(countdown(7), 0)));

  assert.equal((await open(path, 'plain', 'another build')).modules.length, 0);
  assert.equal((await open(path, 'counted')).modules.length, 0);
});

test('without a build there is nothing to keep code for', async (t) => {
  assert.equal(await TranslationFile.open(pathIn(t), 'plain', undefined), undefined);
});

test('a damaged file gives no module that was not kept, and is written anew', async (t) => {
  const path = pathIn(t);
  await keep(path, codeOf(inUse(countdown(7), 0)));
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at += 7) {
    const damaged = Uint8Array.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x40;
    writeFileSync(path, damaged);
    const file = await open(path);
    for (const module of file.modules) assert.ok([7, undefined].includes(resultOf(file.compile(module)) as number));
    file.close();
  }
  for (let length = 0; length < whole.length; length += 97) {
    writeFileSync(path, whole.subarray(0, length));
    const file = await open(path);
    for (const module of file.modules) assert.ok([7, undefined].includes(resultOf(file.compile(module)) as number));
    file.close();
  }
  await keep(path, codeOf(inUse(countdown(9), 0)));
  const file = await open(path);
  assert.deepEqual(
    file.modules.map((module) => resultOf(file.compile(module))),
    [9],
  );
  file.close();
});

test('a file that others may write is not trusted', async (t) => {
  const path = pathIn(t);
  await keep(path, codeOf(inUse(countdown(7), 0)));
  chmodSync(path, 0o620);

  assert.equal((await open(path)).modules.length, 0);
});

test('a module that nothing comes to is kept for some runs, then let go', async (t) => {
  const path = pathIn(t);
  await keep(path, codeOf(inUse(countdown(7), 0)));
  let runs = 0;
  for (; runs < 20; runs++) {
    const file = await open(path);
    const idle = file.modules.map((kept) => ({ kept, module: undefined, bytes: undefined, functions: [] }));
    if (file.modules.length === 0) break;
    file.keep(codeOf(...idle, inUse(countdown(8 + runs), 1 + runs)));
    file.close();
    const after = await open(path);
    const hasFirst = after.modules.some(({ slots }) => slots.first === 0);
    after.close();
    if (!hasFirst) break;
  }
  assert.equal(runs, 8);
});

test('a place that cannot be written is left', async (t) => {
  const path = pathIn(t);
  writeFileSync(dirname(path), 'a file where the folder would be');
  await keep(path, codeOf(inUse(countdown(7), 0)));
  assert.equal((await open(path)).modules.length, 0);
});
