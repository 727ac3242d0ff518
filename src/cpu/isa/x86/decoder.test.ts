import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder } from './decoder.ts';
import { type EffectiveAddress, type Instruction, noRegister, ripBase } from './instruction.ts';
import { segment } from './layout.ts';
import { modeKey } from './mode.ts';
import { x86OpcodeMaps } from './rows.ts';

const decoder = new Decoder(x86OpcodeMaps);
const code64 = modeKey.code64;
const code32 = modeKey.code32 | modeKey.flat;
const { code16 } = modeKey;
const vectorUndefined = 6;
const vectorNotAvailable = 7;
const vectorGeneralProtection = 13;

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** The instruction in these bytes, which nothing follows. */
function decode(mode: number, hex: string): Instruction {
  const bytes = bytesOf(hex);
  const instruction = decoder.decode(bytes, 0, bytes.length, mode);
  assert.ok(instruction, `${hex} is cut off`);
  return instruction;
}
const nameOf = (mode: number, hex: string): string | number => {
  const { variant, fault, length } = decode(mode, hex);
  assert.ok(!variant || length === bytesOf(hex).length, `${hex} has length ${length}`);
  return variant?.row.name ?? fault ?? 'neither';
};
const memoryOf = (mode: number, hex: string): EffectiveAddress => {
  const { memory, length } = decode(mode, hex);
  assert.ok(memory);
  assert.equal(length, bytesOf(hex).length, hex);
  return memory;
};
const none = noRegister;
const { es, cs, ss, ds, fs, gs } = segment;
const [rax, rcx, rbx, rsp, rbp, rsi, rdi] = [0, 1, 3, 4, 5, 6, 7];

type Expected = readonly [
  hex: string,
  base: number,
  index: number,
  scale: number,
  displacement: number | bigint,
  segment: number,
];
function expectAddresses(mode: number, addressBits: 16 | 32 | 64, cases: readonly Expected[]): void {
  for (const [hex, base, index, scale, displacement, segmentNumber] of cases) {
    const expected = { base, index, scale, displacement, segment: segmentNumber, addressBits };
    assert.deepEqual(memoryOf(mode, hex), expected, hex);
  }
}

test('16-bit addresses follow the table of the manual', () => {
  expectAddresses(code16, 16, [
    ['8a 00', rbx, rsi, 0, 0, ds],
    ['8a 01', rbx, rdi, 0, 0, ds],
    ['8a 02', rbp, rsi, 0, 0, ss],
    ['8a 03', rbp, rdi, 0, 0, ss],
    ['8a 04', rsi, none, 0, 0, ds],
    ['8a 05', rdi, none, 0, 0, ds],
    ['8a 06 34 92', none, none, 0, 0x9234, ds],
    ['8a 07', rbx, none, 0, 0, ds],
    ['8a 46 80', rbp, none, 0, -128, ss],
    ['8a 40 7f', rbx, rsi, 0, 127, ds],
    ['8a 82 00 80', rbp, rsi, 0, -32768, ss],
    ['8a 87 ff 7f', rbx, none, 0, 32767, ds],
    ['26 8a 46 01', rbp, none, 0, 1, es],
  ]);
});

test('32-bit addresses have every base, an index, displacements of two sizes and none', () => {
  expectAddresses(code32, 32, [
    ['8b 00', rax, none, 0, 0, ds],
    ['8b 05 78 56 34 92', none, none, 0, 0x92345678 | 0, ds],
    ['8b 45 00', rbp, none, 0, 0, ss],
    ['8b 41 ff', rcx, none, 0, -1, ds],
    ['8b 81 00 00 00 80', rcx, none, 0, -(2 ** 31), ds],
    ['8b 04 24', rsp, none, 0, 0, ss],
    ['8b 44 24 08', rsp, none, 0, 8, ss],
    ['8b 04 98', rax, rbx, 2, 0, ds],
    ['8b 04 e4', rsp, none, 3, 0, ss],
    ['8b 04 6d 10 00 00 00', none, rbp, 1, 16, ds],
    ['8b 04 25 10 00 00 00', none, none, 0, 16, ds],
    ['8b 44 6d 10', rbp, rbp, 1, 16, ss],
    ['8b 84 ac 10 00 00 00', rsp, rbp, 2, 16, ss],
    ['2e 8b 04 24', rsp, none, 0, 0, cs],
  ]);
});

test('64-bit addresses use REX, RIP and sixteen registers', () => {
  expectAddresses(code64, 64, [
    ['48 8b 05 10 00 00 00', ripBase, none, 0, 16, ds],
    ['41 8b 05 f0 ff ff ff', ripBase, none, 0, -16, ds],
    ['8b 04 25 10 00 00 00', none, none, 0, 16, ds],
    ['41 8b 00', 8, none, 0, 0, ds],
    ['41 8b 04 24', 12, none, 0, 0, ds],
    ['41 8b 45 00', 13, none, 0, 0, ds],
    ['42 8b 04 20', rax, 12, 0, 0, ds],
    ['43 8b 04 e4', 12, 12, 3, 0, ds],
    ['4f 8b 84 ff 00 00 00 80', 15, 15, 3, -(2 ** 31), ds],
    ['43 8b 04 2d 10 00 00 00', none, 13, 0, 16, ds],
    ['65 8b 04 24', rsp, none, 0, 0, gs],
    ['64 8b 45 00', rbp, none, 0, 0, fs],
  ]);
});

test('the address-size prefix switches to the other size of the mode', () => {
  expectAddresses(code64, 32, [
    ['67 8b 00', rax, none, 0, 0, ds],
    ['67 8b 05 10 00 00 00', ripBase, none, 0, 16, ds],
    ['67 41 8b 00', 8, none, 0, 0, ds],
  ]);
  expectAddresses(code32, 16, [['67 8b 42 01', rbp, rsi, 0, 1, ss]]);
  expectAddresses(code16, 32, [['67 8b 44 24 01', rsp, none, 0, 1, ss]]);
});

test('direct offsets are as wide as addresses', () => {
  expectAddresses(code16, 16, [['a0 34 12', none, none, 0, 0x1234, ds]]);
  expectAddresses(code32, 32, [['65 a1 78 56 34 12', none, none, 0, 0x12345678, gs]]);
  expectAddresses(code64, 64, [['a2 f0 de bc 9a 78 56 34 92', none, none, 0, -0x6dcba98765432110n, ds]]);
  expectAddresses(code64, 32, [['67 a3 78 56 34 12', none, none, 0, 0x12345678, ds]]);
});

test('overrides of ES, CS, SS and DS mean nothing in 64-bit mode and do not undo FS', () => {
  for (const prefix of ['26', '2e', '36', '3e']) {
    assert.equal(memoryOf(code64, `${prefix} 8b 45 00`).segment, ss);
    assert.equal(memoryOf(code64, `64 ${prefix} 8b 45 00`).segment, fs);
  }
  assert.equal(memoryOf(code32, '64 2e 8b 45 00').segment, cs);
  assert.equal(memoryOf(code32, '2e 64 8b 45 00').segment, fs);
});

test('operand sizes follow mode, prefix 66 and REX.W', () => {
  const width = (mode: number, hex: string): unknown => decode(mode, hex).variant?.shape.width;

  assert.deepEqual([width(code16, '01 c8'), width(code16, '66 01 c8')], [16, 32]);
  assert.deepEqual([width(code32, '01 c8'), width(code32, '66 01 c8')], [32, 16]);
  assert.deepEqual([width(code64, '01 c8'), width(code64, '66 01 c8'), width(code64, '48 01 c8')], [32, 16, 64]);
  assert.equal(width(code64, '66 48 01 c8'), 64);
  assert.deepEqual([width(code64, '50'), width(code64, '66 50'), width(code64, '48 50')], [64, 16, 64]);
  assert.deepEqual([width(code64, 'ff d0'), width(code64, '66 ff d0')], [64, 64]);
});

test('immediates are read in their sizes and extended as their codes say', () => {
  const immediates = (mode: number, hex: string): readonly (number | bigint)[] => {
    const { length, immediates: list } = decode(mode, hex);
    assert.equal(length, bytesOf(hex).length, hex);
    return list;
  };

  assert.deepEqual(immediates(code64, '83 c0 ff'), [-1]);
  assert.deepEqual(immediates(code64, '66 83 c0 ff'), [0xffff]);
  assert.deepEqual(immediates(code64, '80 c0 ff'), [0xff]);
  assert.deepEqual(immediates(code64, '48 81 c0 00 00 00 80'), [-(2 ** 31)]);
  assert.deepEqual(immediates(code64, '66 81 c0 34 92'), [0x9234]);
  assert.deepEqual(immediates(code64, '48 b8 f0 de bc 9a 78 56 34 92'), [-0x6dcba98765432110n]);
  assert.deepEqual(immediates(code64, 'b8 01 00 00 80'), [0x80000001 | 0]);
  assert.deepEqual(immediates(code64, 'c8 10 00 03'), [16, 3]);
  assert.deepEqual(immediates(code16, 'ea 34 12 78 56'), [0x1234, 0x5678]);
  assert.deepEqual(immediates(code32, 'ea 78 56 34 12 f0 ff'), [0x12345678, 0xfff0]);
  assert.deepEqual(immediates(code32, '69 04 24 10 00 00 00'), [16]);
});

test('branch displacements are signed; 66 shortens them outside of 64-bit mode only', () => {
  const relative = (mode: number, hex: string): [number, number] => {
    const { relative: distance, length } = decode(mode, hex);
    return [distance, length];
  };

  assert.deepEqual(relative(code64, 'eb fe'), [-2, 2]);
  assert.deepEqual(relative(code32, 'e9 00 00 00 80'), [-(2 ** 31), 5]);
  assert.deepEqual(relative(code16, 'e9 00 80'), [-32768, 3]);
  assert.deepEqual(relative(code32, '66 0f 84 fe ff'), [-2, 5]);
  assert.deepEqual(relative(code64, '66 0f 84 fe ff ff ff'), [-2, 7]);
});

test('REX counts only right before the opcode', () => {
  const registers = (hex: string): unknown => {
    const { registers: numbers, hasRex, variant } = decode(code64, hex);
    return { rm: numbers.rm, reg: numbers.reg, hasRex, width: variant?.shape.width };
  };

  assert.deepEqual(registers('4d 89 c8'), { rm: 8, reg: 9, hasRex: true, width: 64 });
  assert.deepEqual(registers('4d 66 89 c8'), { rm: 0, reg: 1, hasRex: false, width: 16 });
  assert.deepEqual(registers('66 4d 89 c8'), { rm: 8, reg: 9, hasRex: true, width: 64 });
  assert.deepEqual(registers('4d 40 89 c8'), { rm: 0, reg: 1, hasRex: true, width: 32 });
  assert.deepEqual(registers('40 88 ec'), { rm: 4, reg: 5, hasRex: true, width: 8 });
});

test('REX.B reaches registers in the opcode, and makes NOP an exchange', () => {
  assert.equal(decode(code64, '41 57').registers.opcode, 15);
  assert.equal(nameOf(code64, '90'), 'nop');
  assert.equal(nameOf(code64, '66 90'), 'nop');
  assert.equal(nameOf(code64, 'f2 90'), 'nop');
  assert.equal(nameOf(code64, '48 90'), 'nop');
  assert.equal(nameOf(code64, '41 90'), 'xchg');
  assert.equal(nameOf(code64, 'f2 41 90'), 'xchg');
  assert.equal(nameOf(code64, 'f3 41 90'), 'pause'); // As processors do.
});

test('40 to 4F are INC and DEC outside of 64-bit mode', () => {
  assert.equal(nameOf(code32, '40'), 'inc');
  assert.equal(nameOf(code16, '4f'), 'dec');
});

test('the mandatory prefix chooses the instruction: the last of F2 and F3, else 66', () => {
  assert.equal(nameOf(code64, '0f 10 c1'), 'movups');
  assert.equal(nameOf(code64, '66 0f 10 c1'), 'movupd');
  assert.equal(nameOf(code64, 'f3 0f 10 c1'), 'movss');
  assert.equal(nameOf(code64, 'f2 0f 10 c1'), 'movsd');
  assert.equal(nameOf(code64, '66 f2 0f 10 c1'), 'movsd');
  assert.equal(nameOf(code64, 'f2 66 0f 10 c1'), 'movsd');
  assert.equal(nameOf(code64, 'f2 f3 0f 10 c1'), 'movss');
  assert.equal(nameOf(code64, 'f3 f2 0f 10 c1'), 'movsd');
});

test('a mandatory 66 does not shorten a general register', () => {
  const { variant } = decode(code64, '66 0f 7e c0');
  const [general] = variant?.operands ?? [];

  assert.ok(general?.kind === 'register');
  assert.equal(general.width, 32);
  assert.equal(nameOf(code64, '66 48 0f 7e c0'), 'movd');
});

test('string instructions carry repetition, address size and segment in their form', () => {
  const form = (mode: number, hex: string): unknown => decode(mode, hex).immediates;

  assert.deepEqual(form(code64, 'f3 a4'), [8 | (1 << 8) | (ds << 16)]);
  assert.deepEqual(form(code64, 'f2 67 ae'), [4 | (2 << 8) | (ds << 16)]);
  assert.deepEqual(form(code16, '26 a5'), [2 | (es << 16)]);
  assert.deepEqual(form(code16, '67 65 ac'), [4 | (gs << 16)]);
});

test('LOCK is legal on read-modify-write instructions with a memory destination only', () => {
  for (const legal of [
    '01 00',
    '0f ab 00',
    '0f ba 28 01',
    'f6 18',
    'fe 00',
    '87 00',
    '0f c7 08',
    '0f c1 00',
    '0f b1 00',
  ])
    assert.notEqual(nameOf(code64, `f0 ${legal}`), vectorUndefined, legal);
  for (const illegal of [
    '01 c0',
    '03 00',
    '39 00',
    '0f a3 00',
    '0f ba 20 01',
    '8b 00',
    '90',
    'd1 00',
    '0f c8',
    '85 00',
  ])
    assert.equal(nameOf(code64, `f0 ${illegal}`), vectorUndefined, illegal);
});

test('an instruction of sixteen bytes raises #GP, one of fifteen does not', () => {
  const prefixes = (count: number): string => '2e '.repeat(count);

  assert.equal(nameOf(code64, `${prefixes(13)} 01 c8`), 'add');
  assert.equal(decode(code64, `${prefixes(14)} 01 c8`).fault, vectorGeneralProtection);
  assert.equal(decode(code64, prefixes(16)).fault, vectorGeneralProtection);
  assert.equal(nameOf(code64, `${prefixes(9)} 81 c0 01 02 03 04`), 'add');
  assert.equal(decode(code64, `${prefixes(10)} 81 c0 01 02 03 04`).fault, vectorGeneralProtection);
});

test('every instruction that goes on past the limit is undefined, at every length', () => {
  const whole = ['2e 2e 66 c7 84 98 01 02 03 04 05 06', '0f ba 28 01', 'c8 10 00 03', '0f 38 00', 'dd 05 01 02 03 04'];
  for (const bytes of whole.map(bytesOf)) {
    for (let limit = 0; limit < bytes.length - 1; limit++) {
      assert.equal(
        decoder.decode(bytes, 0, limit, code64),
        undefined,
        `${Buffer.from(bytes).toString('hex')} cut at ${limit}`,
      );
    }
  }
});

test('a cut-off instruction is not taken for too long because of what its missing bytes might be', () => {
  const bytes = bytesOf(`${'2e '.repeat(10)} f7 d8`); // NEG EAX; with a zero ModRM byte it were TEST and 16 bytes long.

  assert.equal(decoder.decode(bytes, 0, 11, code64), undefined);
  assert.equal(decoder.decode(bytes, 0, 12, code64)?.variant?.row.name, 'neg');
});

test('fifteen bytes without an end raise #GP even when no more can be read', () => {
  const bytes = bytesOf('2e '.repeat(15));

  assert.equal(decoder.decode(bytes, 0, 14, code64), undefined);
  assert.equal(decoder.decode(bytes, 0, 15, code64)?.fault, vectorGeneralProtection);
});

test('decoding starts anywhere and leaves no prefix behind', () => {
  const bytes = bytesOf('66 f0 64 4f 01 00 01 00');

  assert.equal(decoder.decode(bytes, 0, bytes.length, code64)?.length, 6);
  const { memory, hasRex, variant } = decoder.decode(bytes, 6, bytes.length, code64) ?? {};
  assert.deepEqual([memory?.segment, hasRex, variant?.shape.width], [ds, false, 32]);
});

test('units that are switched off raise what the manual says', () => {
  const [x87, mmx, sse] = ['d9 e8', '0f 6f c1', '0f 28 c1'];
  const faults = (mode: number): unknown[] => [x87, mmx, sse].map((hex = '') => decode(code64 | mode, hex).fault);

  assert.deepEqual(faults(0), [undefined, undefined, undefined]);
  assert.deepEqual(faults(modeKey.taskSwitched), [vectorNotAvailable, vectorNotAvailable, vectorNotAvailable]);
  assert.deepEqual(faults(modeKey.emulate), [vectorNotAvailable, vectorUndefined, vectorUndefined]);
  assert.deepEqual(faults(modeKey.noSse), [undefined, undefined, vectorUndefined]);
  assert.deepEqual(faults(modeKey.taskSwitched | modeKey.noSse), [7, 7, 6]);
});

test('an illegal LOCK is #UD before an absent unit is #NM', () => {
  assert.equal(decode(code64 | modeKey.taskSwitched, 'f0 0f 28 c1').fault, vectorUndefined);
});

test('instructions that a mode does not have raise #UD there', () => {
  for (const hex of ['06', '60', '9a', 'c4 00 00', '62 00', '82 c0', 'd6', 'ce', 'ea', '0f 04', 'c5 f8 04 c1'])
    assert.equal(decode(code64, hex).fault, vectorUndefined, hex);
  assert.equal(nameOf(code32, '63 c8'), 'arpl');
  assert.equal(nameOf(code64, '63 c8'), 'movsxd');
  assert.equal(nameOf(code32, '0f 01 f8'), vectorUndefined);
  assert.equal(nameOf(code64, '0f 01 f8'), 'swapgs');
});

const numbersOf = ({ registers: { reg, vex, rm } }: Instruction): number[] => [reg, vex, rm];

test('a VEX prefix is LES or LDS outside of 64-bit mode when a memory operand follows, and none in real mode', () => {
  const andn = 'c4 e2 70 f2 c2'; // andn eax, ecx, edx
  assert.equal(nameOf(code64, andn), 'andn');
  assert.equal(nameOf(code32, andn), 'andn');
  assert.equal(nameOf(code32 | modeKey.real, andn), vectorUndefined);
  assert.equal(nameOf(code32, 'c4 62 70'), 'les');
  assert.deepEqual(numbersOf(decode(code64, 'c4 42 a8 f2 c3')), [8, 10, 11]);
  // Outside of 64-bit mode there are eight registers, and W says nothing about general ones.
  const narrow = decode(code32, 'c4 c2 a8 f2 c3');
  assert.deepEqual(numbersOf(narrow), [0, 2, 3]);
  assert.equal(narrow.variant?.shape.width, 32);
});

test('prefixes before VEX, a reserved map, length or vvvv are #UD', () => {
  const illegal = ['66', 'f2', 'f3', 'f0', '48'].map((prefix) => `${prefix} c4 e2 70 f2 c2`);
  const others = ['c4 e0 70 f2 c2', 'c4 e4 70 f2 c2', 'c4 e2 74 f2 c2', 'c4 e3 6b f0 c2 03', 'c4 e3 7f f0 c2 03'];
  for (const hex of [...illegal, ...others]) assert.equal(decode(code64, hex).fault, vectorUndefined, hex);
  assert.equal(nameOf(code64, '67 64 c4 e2 70 f2 02'), 'andn');
  assert.equal(nameOf(code64, 'c4 e3 7b f0 c2 03'), 'rorx');
});

test('what is too long raises #GP though its VEX prefix says nothing that exists', () => {
  const segments = (count: number): string => '3e '.repeat(count);
  const reservedRegister = 'c4 c2 e5 24 97 d7 ff ff ff'; // vpmovsxwq with a register in vvvv
  const reservedWidth = 'c4 e3 fd 06 84 8b 00 00 00 00 01'; // vperm2f128 with W
  const faults = [
    [6, reservedRegister],
    [7, reservedRegister],
    [4, reservedWidth],
    [5, reservedWidth],
  ].map(([count, code]) => decode(code64, `${segments(Number(count))}${code}`).fault);

  const [undefinedOpcode, tooLong] = [vectorUndefined, vectorGeneralProtection];
  assert.deepEqual(faults, [undefinedOpcode, tooLong, undefinedOpcode, tooLong]);
});

test('segment, control and debug registers that do not exist raise #UD', () => {
  assert.equal(nameOf(code64, '8e c8'), vectorUndefined); // CS
  assert.equal(nameOf(code64, '8e f0'), vectorUndefined);
  assert.equal(nameOf(code64, '8c f8'), vectorUndefined);
  assert.equal(nameOf(code64, '8e d8'), 'mov_to_seg');
  assert.equal(nameOf(code64, '0f 22 c8'), vectorUndefined); // CR1
  assert.equal(nameOf(code64, '0f 22 d8'), 'mov_to_cr');
  assert.equal(nameOf(code64, '44 0f 20 c0'), 'mov_from_cr'); // CR8
  assert.equal(nameOf(code64, '44 0f 20 c8'), vectorUndefined);
  assert.equal(nameOf(code64, '44 0f 23 c0'), vectorUndefined); // DR8
});

test('moves to control registers take any mod field as a register', () => {
  const { variant, length, registers } = decode(code64, '0f 22 18');

  assert.deepEqual([variant?.row.name, length, registers.rm], ['mov_to_cr', 3, 0]);
});

test('the form of r/m decides between rows of one opcode', () => {
  assert.equal(nameOf(code64, '8f c0'), 'pop');
  assert.equal(nameOf(code64, '8f 00'), 'pop_mem');
  assert.equal(nameOf(code64, '0f 12 c1'), 'movhlps');
  assert.equal(nameOf(code64, '0f 12 00'), 'movlps');
  assert.equal(nameOf(code64, '8d c0'), vectorUndefined);
  assert.equal(nameOf(code64, '0f c7 c8'), vectorUndefined);
});

test('the stack shape of a variant follows code size, flatness and SS.B', () => {
  const stack = (mode: number): unknown => decode(mode, '50').variant?.shape.stack;

  assert.equal(stack(code64), 'rsp');
  assert.equal(stack(code32), 'esp');
  assert.equal(stack(modeKey.code32), 'segmented');
  assert.equal(stack(code32 | modeKey.stack16), 'segmented');
  assert.equal(stack(modeKey.code16 | modeKey.flat), 'esp');
});
