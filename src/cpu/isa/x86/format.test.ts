import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder, formatInstruction, modeKey, x86OpcodeMaps } from './index.ts';

const decoder = new Decoder(x86OpcodeMaps);

for (const [bytes, text] of [
  ['4889d8', 'mov rax, rbx'],
  ['88e0', 'mov al, ah'],
  ['41b807000000', 'mov r8d, 0x7'],
  ['488b4424f8', 'mov rax, qword [rsp-0x8]'],
  ['65488b042528000000', 'mov rax, qword gs:[0x28]'],
  ['8d048d10000000', 'lea eax, [rcx*4+0x10]'],
  ['48630485f0ffffff', 'movsxd rax, dword [rax*4-0x10]'],
  ['8b0510000000', 'mov eax, dword [rip+0x10]'],
  ['75fe', 'jne 0x401000'],
  ['e8fb0f0000', 'call 0x402000'],
  ['ffd0', 'call rax'],
  ['f348a5', 'rep movsq'],
  ['f265a6', 'repne gs cmpsb'],
  ['65aa', 'stosb'],
  ['4898', 'cdqe'],
  ['48cf', 'iretq'],
  ['e3fe', 'jrcxz 0x401000'],
  ['d1e8', 'shr eax, 1'],
  ['0fa5d8', 'shld eax, ebx, cl'],
  ['e460', 'in al, 0x60'],
  ['ef', 'out dx, eax'],
  ['0fa8', 'push gs'],
  ['dce9', 'fsub st(1), st(0)'],
  ['d8c2', 'fadd st(0), st(2)'],
  ['dd45f8', 'fld qword [rbp-0x8]'],
  ['480fc70f', 'cmpxchg16b xmmword [rdi]'],
  ['660f6f07', 'movdqa xmm0, xmmword [rdi]'],
  ['480fbaefc8', 'bts rdi, 0xc8'],
  ['0f22d8', 'mov cr3, rax'],
  ['8ed8', 'mov ds, ax'],
  ['660fefc1', 'pxor xmm0, xmm1'],
  ['0f20d8', 'mov rax, cr3'],
  ['0f04', '(undefined)'],
] as const) {
  test(`${bytes} is "${text}"`, () => {
    const code = Buffer.from(bytes, 'hex');
    const instruction = decoder.decode(code, 0, code.length, modeKey.code64);

    assert.equal(instruction && formatInstruction(instruction, 0x401000n), text);
  });
}
