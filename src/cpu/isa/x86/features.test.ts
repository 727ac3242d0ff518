import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../testing/trap-machine.ts';
import { vexPrefix } from '../../../testing/vex-prefix.ts';
import { InterpreterEngine } from '../../interpreter/index.ts';
import { createJitEngine } from '../../jit/index.ts';
import { Decoder } from './decoder.ts';
import { type Feature, modelHas, modelKey, modelObstacle, type ProcessorModel, processorModels } from './features.ts';
import { modeKey } from './mode.ts';
import type { Candidate, OpcodeMapName } from './opcode-map.ts';
import { x86OpcodeMaps } from './rows.ts';
import { cr4 } from './system/index.ts';

const undefinedOpcode = 6;
const escapes: Readonly<Partial<Record<OpcodeMapName, readonly number[]>>> = {
  '0F': [0x0f],
  '0F38': [0x0f, 0x38],
  '0F3A': [0x0f, 0x3a],
};
const prefixes: Readonly<Record<string, readonly number[]>> = { 66: [0x66], F2: [0xf2], F3: [0xf3] };

/** Each encoding of a row that needs a feature, with register or memory operands, as bytes. */
const encodings = Object.entries(x86OpcodeMaps).flatMap(([map, opcodes]) =>
  opcodes.flatMap((candidates, opcode) =>
    candidates
      .filter(({ row }) => row.feature !== undefined && row.only !== 'legacy')
      .map((candidate) => ({
        name: candidate.row.name,
        feature: candidate.row.feature as Feature,
        bytes: bytesOf(candidate, map as OpcodeMapName, opcode),
      })),
  ),
);

function bytesOf(candidate: Candidate, map: OpcodeMapName, opcode: number) {
  const { prefix = 'NP', modrm, digit = 0, allowsRegister, vex } = candidate;
  // A gather has an index besides its two vectors.
  const isGather = candidate.row.hasVectorIndex === true;
  const field = isGather ? 0x04 : (modrm ?? (digit << 3) | (allowsRegister ? 0xc1 : 0x01));
  const fields = {
    map,
    prefix,
    length: vex?.length ?? 128,
    w: vex?.isWide ?? false,
    register: isGather ? 1 : 0,
  } as const;
  const front = vex
    ? vexPrefix({ ...fields, r: false, x: false, b: false, isLong: false })
    : [...(prefixes[prefix] ?? []), ...(escapes[map] ?? [])];
  return Uint8Array.from([...front, opcode, field, isGather ? 0x10 : 0, ...new Array(8).fill(0)]);
}

/** What they mean without the feature. */
const meaningsBefore: Readonly<Record<string, string>> = { lzcnt: 'bsr', tzcnt: 'bsf' };

for (const model of processorModels) {
  test(`processor ${model} knows the instructions of its features and no others`, () => {
    const decoder = new Decoder(x86OpcodeMaps);
    const mode = modeKey.code64 | modelKey(model);

    const wrong = encodings.filter(({ name, feature, bytes }) => {
      const instruction = decoder.decode(bytes, 0, bytes.length, mode);
      const found = instruction?.variant?.row.name ?? instruction?.fault;
      return found !== (modelHas(model, feature) ? name : (meaningsBefore[name] ?? undefinedOpcode));
    });

    assert.deepEqual(wrong, []);
    assert.ok(encodings.length > 130, `only ${encodings.length}`);
  });
}

const engines = {
  interpreter: (model: ProcessorModel) => new TrapMachine((parts) => new InterpreterEngine({ ...parts, model })),
  jit: (model: ProcessorModel) =>
    new TrapMachine((parts) => createJitEngine({ ...parts, model }, { threshold: 1, batch: 1 })),
};

const [rbx, rsp, rdi] = [3, 4, 7];
const xsetbv = [0x0f, 0x01, 0xd1];
const setCr4 = [0x0f, 0x20, 0xe0, 0x09, 0xd8, 0x0f, 0x22, 0xe0]; // mov rax, cr4; or eax, ebx; mov cr4, rax

/** 64-bit code that ends at `hlt`, or by #UD where the processor lacks the feature. */
const programs = [
  ['cx16', [0x48, 0x0f, 0xc7, 0x0f]], // cmpxchg16b [rdi]
  ['lahf64', [0x9f]],
  ['popcnt', [0xf3, 0x0f, 0xb8, 0xc1]],
  ['sse3', [0xf2, 0x0f, 0xf0, 0x07]], // lddqu xmm0, [rdi]
  ['sse3', [0xdd, 0x0f]], // fisttp qword [rdi]
  ['ssse3', [0x66, 0x0f, 0x38, 0x00, 0xc1]], // pshufb xmm0, xmm1
  ['ssse3', [0x0f, 0x38, 0x00, 0xc1]], // pshufb mm0, mm1
  ['sse41', [0x66, 0x0f, 0x38, 0x17, 0xc1]], // ptest xmm0, xmm1
  ['sse42', [0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xc1]], // crc32 rax, rcx
  ['aes', [0x66, 0x0f, 0x38, 0xdc, 0xc1]], // aesenc xmm0, xmm1
  ['adx', [0x66, 0x0f, 0x38, 0xf6, 0xc1]], // adcx eax, ecx
  ['avx', [0xc5, 0xf4, 0x58, 0xc2]], // vaddps ymm0, ymm1, ymm2
  ['avx2', [0xc5, 0xf5, 0xfe, 0xc2]], // vpaddd ymm0, ymm1, ymm2
  ['bmi1', [0xc4, 0xe2, 0x70, 0xf2, 0xc2]], // andn eax, ecx, edx
  ['bmi2', [0xc4, 0xe2, 0x73, 0xf5, 0xc2]], // pdep eax, ecx, edx
  ['f16c', [0xc4, 0xe2, 0x79, 0x13, 0xc1]], // vcvtph2ps xmm0, xmm1
  ['fma', [0xc4, 0xe2, 0x71, 0x98, 0xc2]], // vfmadd132ps xmm0, xmm1, xmm2
  ['fsgsbase', [0xf3, 0x48, 0x0f, 0xae, 0xc0]], // rdfsbase rax
  ['movbe', [0x0f, 0x38, 0xf0, 0x07]], // movbe eax, [rdi]
  ['pclmulqdq', [0x66, 0x0f, 0x3a, 0x44, 0xc1, 0x10]],
  ['rdrand', [0x48, 0x0f, 0xc7, 0xf0]], // rdrand rax
  ['rdseed', [0x48, 0x0f, 0xc7, 0xf8]], // rdseed rax
  ['sha', [0x0f, 0x38, 0xcb, 0xc1]], // sha256rnds2 xmm0, xmm1
  ['xsave', [0x31, 0xc9, 0x0f, 0x01, 0xd0]], // xor ecx, ecx; xgetbv
  ['xsaveopt', [0x0f, 0xae, 0x37]], // xsaveopt [rdi]
  ['xsavec', [0x0f, 0xc7, 0x27]], // xsavec [rdi]
  ['xsaves', [0x0f, 0xc7, 0x2f]], // xsaves [rdi]
] as const satisfies readonly (readonly [Feature, readonly number[]])[];

for (const [engine, create] of Object.entries(engines)) {
  for (const model of processorModels) {
    test(`the ${engine} raises #UD for what processor ${model} lacks, and runs what it has`, () => {
      const machine = create(model);
      const optional = (feature: Feature, bit: number): number => (modelHas(model, feature) ? bit : 0);
      const bits = cr4.OSFXSR | optional('fsgsbase', cr4.FSGSBASE) | optional('xsave', cr4.OSXSAVE);
      assert.equal(machine.set(rbx, bits).run(setCr4), undefined);

      if (modelHas(model, 'avx')) machine.set(0, 7).set(1, 0).set(2, 0).run(xsetbv);

      const ended = programs.map(([feature, code]) => {
        machine.set(rdi, TrapMachine.data).set(rsp, 0x9000);
        return [feature, machine.run(code)?.vector];
      });

      const expected = programs.map(([feature]) => [feature, modelHas(model, feature) ? undefined : undefinedOpcode]);
      assert.deepEqual(ended, expected);
    });
  }
}

test('CR4 of a processor that lacks a feature refuses its bit', () => {
  const vectors = processorModels.flatMap((model) =>
    [cr4.FSGSBASE, cr4.OSXSAVE].map((bit) => engines.interpreter(model).set(rbx, bit).run(setCr4)?.vector),
  );

  assert.deepEqual(vectors, [13, 13, 13, 13, 13, undefined, undefined, undefined]);
});

test('CPUID says what each processor has', () => {
  const words = processorModels.map((model) => {
    const machine = engines.interpreter(model);
    const ask = (leaf: number, ...registers: number[]): string[] => {
      machine.set(0, leaf).set(1, 0).run([0x0f, 0xa2]); // cpuid
      return registers.map((number) => machine.get(number).toString(16));
    };
    return [...ask(1, 1), ...ask(7, rbx), ...ask(0x8000_0001, 1), ...ask(0xd, 0, rbx, 1)].join();
  });

  assert.deepEqual(words, [
    '81220000,1026c2,0,0,0,0',
    '81ba2201,1026c2,1,0,0,0',
    'b5fa3201,1027ea,21,7,240,340',
    'f7fa3203,201c27eb,21,7,240,340',
  ]);
});

test('models that are not built are refused with their reason', () => {
  assert.equal(modelObstacle('max'), undefined);
  assert.equal(modelObstacle('v3'), undefined);
  assert.match(modelObstacle('v4') ?? '', /AVX-512 is not built yet: there are v1, v2, v3 and max/);
  assert.equal(modelObstacle('pentium'), 'there are v1, v2, v3 and max');
  assert.throws(() => engines.interpreter('v4' as ProcessorModel), /Cannot make processor "v4": AVX-512/);
});
