import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mezzHome } from './mezz-home.ts';

test('files lie in MEZZ_HOME, else in the user data folder', () => {
  assert.equal(mezzHome({ MEZZ_HOME: '/a', XDG_DATA_HOME: '/b' }), '/a');
  assert.equal(mezzHome({ XDG_DATA_HOME: '/b' }), '/b/mezz');
  assert.equal(mezzHome({ XDG_DATA_HOME: 'relative' }), join(homedir(), '.local/share/mezz'));
});
