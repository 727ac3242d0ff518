import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EscapeKeys } from './escape-keys.ts';

function setUp() {
  const actions: string[] = [];
  const keys = new EscapeKeys({ onQuit: () => actions.push('quit'), onHelp: () => actions.push('help') });
  const type = (typed: string) => new TextDecoder().decode(keys.filter(new TextEncoder().encode(typed)));
  return { actions, type };
}

test('escape keys pass ordinary input on as it is', () => {
  const { actions, type } = setUp();
  assert.equal(type('ls\r\x03\x1b[A'), 'ls\r\x03\x1b[A');
  assert.deepEqual(actions, []);
});

test('Ctrl-A x quits, also when the keys come one by one', () => {
  const { actions, type } = setUp();
  assert.deepEqual([type('a\x01'), actions.length, type('xb')], ['a', 0, 'b']);
  assert.deepEqual(actions, ['quit']);
});

test('Ctrl-A a and Ctrl-A Ctrl-A send Ctrl-A', () => {
  const { actions, type } = setUp();
  assert.equal(type('\x01a\x01\x01'), '\x01\x01');
  assert.deepEqual(actions, []);
});

test('Ctrl-A with any other key explains', () => {
  const { actions, type } = setUp();
  assert.equal(type('\x01?\x01q'), '');
  assert.deepEqual(actions, ['help', 'help']);
});
