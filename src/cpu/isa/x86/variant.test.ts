import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Row, row } from './row.ts';
import { formsOf, hasModrm, operandSizesOf, parseOperands, type Variant, variantOf } from './variant.ts';

const body = (): void => {};
const codes = (operands: string, opcode = '00'): Row => row(opcode, 'sample', operands, body);
const variant = (operands: string, operandSize: 16 | 32 | 64, form: 'register' | 'memory' = 'register'): Variant =>
  variantOf(codes(operands), { operandSize, form, stack: 'rsp' });

test('operand codes are a letter, a size and an access mark', () => {
  assert.deepEqual(parseOperands('Ev+,Gb=,Iz,Wsd'), [
    { letter: 'E', size: 'v', access: 'read-write' },
    { letter: 'G', size: 'b', access: 'write' },
    { letter: 'I', size: 'z', access: 'read' },
    { letter: 'W', size: 'sd', access: 'read' },
  ]);
  assert.deepEqual(parseOperands('L,S'), [
    { letter: 'L', size: '', access: 'read' },
    { letter: 'S', size: '', access: 'read' },
  ]);
  assert.deepEqual(parseOperands(''), []);
});

test('an unknown operand letter or vector size is refused by name', () => {
  assert.throws(() => variant('Yv', 32), /Cannot read operand code: "Yv" is not one/);
  assert.throws(() => variant('Vk', 32), /Cannot read operand code: vector size "k" is not one/);
  assert.throws(() => variant('Wv', 32, 'memory'), /vector size "v" is not one/);
});

test('more than three register operands are refused with the name of the instruction', () => {
  assert.throws(() => variant('Gv,Ev,Av,Zv', 32), /Cannot place operands of "sample": more than three registers/);
});

test('sizes v, z and y follow the operand size as the manual says', () => {
  const widthsOf = (operands: string): unknown[] =>
    ([16, 32, 64] as const).map((size) => {
      const [operand] = variant(operands, size).operands;
      return operand && 'width' in operand ? operand.width : undefined;
    });

  assert.deepEqual(widthsOf('Gv'), [16, 32, 64]);
  assert.deepEqual(widthsOf('Gz'), [16, 32, 32]);
  assert.deepEqual(widthsOf('Gy'), [32, 32, 64]);
  assert.deepEqual(widthsOf('Gb'), [8, 8, 8]);
  assert.deepEqual(widthsOf('Gw'), [16, 16, 16]);
  assert.deepEqual(widthsOf('Iz'), [16, 32, 64]);
});

test('an r/m operand is a register or memory by form and takes a record field only as a register', () => {
  const inRegister = variant('Ev+,Gv', 32, 'register').operands;
  const inMemory = variant('Ev+,Gv', 32, 'memory').operands;

  assert.deepEqual(inRegister, [
    { kind: 'register', access: 'read-write', source: 'rm', width: 32, field: 'r1' },
    { kind: 'register', access: 'read', source: 'reg', width: 32, field: 'r2' },
  ]);
  assert.deepEqual(inMemory, [
    { kind: 'memory', access: 'read-write', type: 32, isAligned: false, isDirect: false },
    { kind: 'register', access: 'read', source: 'reg', width: 32, field: 'r1' },
  ]);
});

test('only size x asks for alignment in memory', () => {
  const isAligned = (operands: string): unknown => {
    const [operand] = variant(operands, 32, 'memory').operands;
    return operand?.kind === 'memory' && operand.isAligned;
  };

  assert.deepEqual(['Wx', 'Wu', 'Wq', 'Mx'].map(isAligned), [true, false, false, true]);
});

test('forms follow the letters: M and N are memory, R and U registers, E both', () => {
  const forms = (operands: string): string => formsOf(codes(operands)).join(' ');

  assert.equal(forms('Ev'), 'register memory');
  assert.equal(forms('Vx,Wx'), 'register memory');
  assert.equal(forms('T'), 'register memory');
  assert.equal(forms('Gv,Mv'), 'memory');
  assert.equal(forms('Nv'), 'memory');
  assert.equal(forms('Gv,L'), 'memory');
  assert.equal(forms('Rv'), 'register');
  assert.equal(forms('B'), 'register');
  assert.equal(forms('Tr'), 'register');
  assert.equal(forms('Zv,Av'), 'register');
});

test('a ModRM byte follows when an operand or a digit needs it', () => {
  assert.equal(hasModrm(codes('Av,Iz')), false);
  assert.equal(hasModrm(codes('Zv')), false);
  assert.equal(hasModrm(codes('', '0F 01 /4')), true);
  assert.ok(['Ev', 'S,Rv', 'B,C', 'K,Ew', 'Pq', 'T', 'Gv,L'].every((operands) => hasModrm(codes(operands))));
});

test('instructions that default to 64 bits have no 32-bit form in 64-bit mode', () => {
  const sized = (sizes: 'stack' | 'branch' | undefined): Row => row('00', 'sample', '', body, sizes ? { sizes } : {});

  assert.deepEqual(operandSizesOf(sized('stack'), 'rsp'), [16, 64]);
  assert.deepEqual(operandSizesOf(sized('branch'), 'rsp'), [64]);
  assert.deepEqual(operandSizesOf(sized(undefined), 'rsp'), [16, 32, 64]);
  assert.deepEqual(operandSizesOf(sized('stack'), 'esp'), [16, 32]);
  assert.deepEqual(operandSizesOf(sized('branch'), 'segmented'), [16, 32]);
});

test('variants share a key when only the stack or an unused operand size differs', () => {
  const key = (r: Row, operandSize: 16 | 32 | 64, stack: 'rsp' | 'esp'): string =>
    variantOf(r, { operandSize, form: 'register', stack }).key;
  const bytes = codes('Eb+,Gb');
  const words = codes('Ev+,Gv');
  const pushing = row('50+r', 'push', 'Zv', body, { usesStack: true });

  assert.equal(key(bytes, 16, 'rsp'), key(bytes, 64, 'esp'));
  assert.notEqual(key(words, 16, 'rsp'), key(words, 32, 'rsp'));
  assert.notEqual(key(pushing, 32, 'rsp'), key(pushing, 32, 'esp'));
  assert.notEqual(
    key(bytes, 16, 'rsp'),
    key(
      row('00', 'other', 'Eb+,Gb', () => {}),
      16,
      'rsp',
    ),
  );
});

test('a repeated instruction gets its form as a last operand', () => {
  const { operands, shape } = variantOf(row('A4', 'movs', '', body, { repeats: true, width: 8 }), {
    operandSize: 32,
    form: 'register',
    stack: 'esp',
  });

  assert.deepEqual(operands, [{ kind: 'immediate', access: 'read', width: 32, encoding: 'form' }]);
  assert.deepEqual(shape, { width: 8, code: 32, stack: 'esp' });
});
