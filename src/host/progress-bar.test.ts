import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressBar } from './progress-bar.ts';

function setUp(terminal: { isTTY: boolean; columns: number }) {
  let written = '';
  const write = (text: string | Uint8Array) => {
    written += text;
    return true;
  };
  const stream = { ...terminal, write };
  return { bar: new ProgressBar('Pulling', stream), written: () => written };
}

test('progress bar writes a line for each step where there is no terminal', () => {
  const { bar, written } = setUp({ isTTY: false, columns: 80 });
  for (const fraction of [0, 0.5, 1]) bar.update('downloading', fraction);
  bar.update('storing', 0);
  bar.finish();
  assert.equal(written(), 'Pulling: downloading\nPulling: storing\n');
});

test('progress bar draws one line on a terminal, no wider than it, and takes it away', () => {
  const { bar, written } = setUp({ isTTY: true, columns: 40 });
  bar.update('downloading', 0.5);
  bar.finish();
  const [, drawn = '', rest] = written().split('\r');
  assert.match(drawn, /^Pulling {2}━{15}─{13,15}/);
  assert.equal(drawn.replace('\x1b[K', '').length, 39);
  assert.equal(rest, '\x1b[K');
});
