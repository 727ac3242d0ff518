import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FunctionBody, memoryOpcodes, opcodes, wasmText } from './index.ts';

test('code is shown with its immediates and indented by its blocks', () => {
  const body = new FunctionBody(['i32']);
  body
    .loop()
    .get(0)
    .i32(-7)
    .memory('i64.load', 0x88)
    .if('i32')
    .i64(-(2n ** 63n))
    .else()
    .br(1)
    .end()
    .end();

  const text = wasmText(body.code.view()).map((line) => '  '.repeat(line.depth) + line.text);

  assert.deepEqual(text, [
    'loop',
    '  local.get 0',
    '  i32.const -7',
    '  i64.load offset=0x88',
    '  if (result i32)',
    '    i64.const -9223372036854775808',
    '  else',
    '    br 1',
    '  end',
    'end',
  ]);
});

test('every opcode that can be written can be shown', () => {
  const body = new FunctionBody([]);
  for (const opcode of opcodes.values()) body.op(opcode);
  for (const name of Object.keys(memoryOpcodes)) body.memory(name, 0);

  const names = wasmText(body.code.view()).map(({ text }) => text.split(' ')[0]);

  assert.deepEqual(names, [...opcodes.keys(), ...Object.keys(memoryOpcodes)]);
});
