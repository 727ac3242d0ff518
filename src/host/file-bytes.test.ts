import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileBytes, openUserFile } from './files.ts';

test('a file is read where it is asked for, and a file that shrank is refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mezz-file-bytes-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'kernel');
  writeFileSync(path, Uint8Array.of(0, 1, 2, 3, 4, 5));
  const bytes = new FileBytes('kernel', path);
  const target = new Uint8Array(2);
  await bytes.readInto(4, target);
  assert.equal(bytes.length, 6);
  assert.deepEqual(bytes.subarray(1, 3), Uint8Array.of(1, 2));
  assert.deepEqual(target, Uint8Array.of(4, 5));
  truncateSync(path, 5);
  await assert.rejects(bytes.readInto(4, target), /^FileError: Cannot read kernel ".*": it ends at 5, before 6$/);
});

test('a file that is not there is refused at once', () => {
  const missing = join(tmpdir(), 'mezz-no-such-folder', 'file');
  assert.throws(() => new FileBytes('kernel', missing), /^FileError: Cannot read kernel ".*": no such file$/);
});

test('what is no regular file is read whole, and a folder is refused', async () => {
  assert.deepEqual(await openUserFile('kernel', '/dev/null'), Buffer.alloc(0));
  await assert.rejects(openUserFile('kernel', tmpdir()), /^FileError: Cannot read kernel ".*": it is a directory$/);
});
