import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileError, openForOutput, readUserFile, writeUserFile } from './files.ts';

const missing = join(tmpdir(), 'mezz-no-such-folder', 'file');
const noSuchFile = (action: string) => ({ name: 'FileError', message: `Cannot ${action} "${missing}": no such file` });

test('a file that is not there is named with its role', async () => {
  await assert.rejects(readUserFile('kernel', missing), noSuchFile('read kernel'));
  assert.throws(() => writeUserFile('statistics', missing, ''), noSuchFile('write statistics'));
  assert.throws(() => openForOutput('serial port file', missing), noSuchFile('open serial port file'));
});

test('a folder is not a file', async () => {
  await assert.rejects(readUserFile('kernel', tmpdir()), /Cannot read kernel ".*": it is a directory$/);
});

test('an error without a known code keeps the system’s words', () => {
  assert.match(new FileError('read kernel', 'x', new Error('the moon is full')).message, /: the moon is full$/);
});
