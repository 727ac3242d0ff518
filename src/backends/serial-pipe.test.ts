import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SerialPipe } from './serial-pipe.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

test('serial pipe gathers what the guest writes until the host has its turn', async () => {
  const pieces: string[] = [];
  const pipe = new SerialPipe({ onOutput: (piece) => pieces.push(text(piece)) });
  for (const character of 'hello') pipe.write(bytes(character));
  assert.deepEqual(pieces, []);
  await Promise.resolve();
  assert.deepEqual(pieces, ['hello']);
});

test('serial pipe hands on a full piece at once', () => {
  let count = 0;
  const pipe = new SerialPipe({ onOutput: (piece) => (count += piece.length) });
  pipe.write(new Uint8Array(5000));
  assert.equal(count, 4096);
});

test('serial pipe gives input across pieces and a short read only at its end', () => {
  let readable = 0;
  const pipe = new SerialPipe();
  pipe.onReadable(() => readable++);
  pipe.send(bytes('abc'));
  pipe.send(bytes('def'));
  assert.equal(pipe.waitingBytes, 6);
  assert.deepEqual([text(pipe.read(4)), text(pipe.read(4)), text(pipe.read(4)), readable], ['abcd', 'ef', '', 2]);
});

test('serial pipe tells when the guest has taken all input', () => {
  let taken = 0;
  const pipe = new SerialPipe({ onInputTaken: () => taken++ });
  pipe.send(bytes('abc'));
  pipe.read(2);
  assert.equal(taken, 0);
  pipe.read(16);
  assert.equal(taken, 1);
});
