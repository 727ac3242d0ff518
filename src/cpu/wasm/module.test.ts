import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionBody } from './function.ts';
import { ModuleBuilder } from './module.ts';
import { opcodes, type WasmType } from './opcodes.ts';

type Exported = (...args: (number | bigint)[]) => number | bigint;

function operation(body: FunctionBody, name: string): void {
  const opcode = opcodes.get(name);
  assert.ok(opcode);
  body.op(opcode);
}

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Record<string, Exported> {
  const bytes = module.encode();
  assert.ok(WebAssembly.validate(bytes));
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as Record<string, Exported>;
}

test('a module with imports, exports, a table and memory validates and computes', () => {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 4);
  const twice = module.importFunction('env', 'twice', ['i32'], ['i32']);
  const type = module.type(['i32', 'i32'], ['i32']);
  const sum = module.define(['i32', 'i32'], ['i32'], (b) => operation(b.get(0).get(1), 'i32.add'));
  const difference = module.define(['i32', 'i32'], ['i32'], (b) => operation(b.get(0).get(1), 'i32.sub'));
  module.setTable([sum, difference]);
  module.define(['i32', 'i32', 'i32'], ['i32'], (b) => void b.get(1).get(2).get(0).callIndirect(type), 'pick');
  module.define(['i32'], ['i32'], (b) => void b.get(0).call(twice), 'double');
  module.define(['i32'], ['i32'], (b) => void b.get(0).memory('i32.load', 4), 'read');
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  new DataView(memory.buffer).setInt32(12, -77, true);

  const { pick, double, read } = instantiate(module, { env: { memory, twice: (v: number) => v * 2 } });

  assert.equal(pick?.(0, 40, 2), 42);
  assert.equal(pick?.(1, 40, 2), 38);
  assert.equal(double?.(21), 42);
  assert.equal(read?.(8), -77);
});

test('tail calls run a million deep without a stack', () => {
  const module = new ModuleBuilder();
  const type = module.type(['i32', 'i32'], ['i32']);
  const step = (write: (body: FunctionBody) => void) => (b: FunctionBody) => {
    b.get(0).if().get(0).i32(1);
    operation(b, 'i32.sub');
    b.get(1).i32(1);
    operation(b, 'i32.add');
    write(b);
    b.end().get(1);
  };
  const direct = module.define(
    ['i32', 'i32'],
    ['i32'],
    step((b) => b.returnCall(0)),
    'direct',
  );
  const indirect = module.define(
    ['i32', 'i32'],
    ['i32'],
    step((b) => b.i32(1).returnCallIndirect(type)),
    'indirect',
  );
  module.setTable([direct, indirect]);

  const functions = instantiate(module);

  assert.equal(functions.direct?.(1_000_000, 5), 1_000_005);
  assert.equal(functions.indirect?.(1_000_000, 5), 1_000_005);
});

test('equal function types share an index and others do not', () => {
  const module = new ModuleBuilder();
  const first = module.type(['i32', 'i64'], ['i32']);

  assert.equal(module.type(['i32', 'i64'], ['i32']), first);
  assert.notEqual(module.type(['i32', 'i64', 'i32'], []), first);
  assert.notEqual(module.type([], ['i32']), module.type(['i32'], []));
});

test('an import after the first definition is refused', () => {
  const module = new ModuleBuilder();
  module.define([], [], () => {});

  assert.throws(
    () => module.importFunction('env', 'late', [], []),
    /Cannot import "late": functions are defined already/,
  );
});

test('locals of mixed types keep apart, whatever runs they are declared in', () => {
  const module = new ModuleBuilder();
  const types: WasmType[] = ['i64', 'i64', 'i32', 'f64', 'i64', 'i32', 'i32', 'v128', 'i64'];
  module.define(
    ['i64'],
    ['i64'],
    (b) => {
      const locals = types.map((type) => ({ type, at: b.local(type) }));
      const wide = locals.filter((local) => local.type === 'i64');
      wide.forEach(({ at }, i) => void b.i64(BigInt(10 ** i)).set(at));
      for (const { at } of locals.filter((local) => local.type === 'i32')) b.i32(-1).set(at);
      b.get(0);
      for (const { at } of wide) {
        b.get(at);
        operation(b, 'i64.add');
      }
    },
    'total',
  );

  const { total } = instantiate(module);

  assert.equal(total?.(50_000n), 51_111n);
});

test('structured control, select and memory operations do what they say', () => {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1);
  // Sum of 1 to n by a loop that is left from inside.
  module.define(
    ['i32'],
    ['i32'],
    (b) => {
      const sum = b.local('i32');
      b.block().loop().get(0);
      operation(b, 'i32.eqz');
      b.brIf(1).get(sum).get(0);
      operation(b, 'i32.add');
      b.set(sum).get(0).i32(1);
      operation(b, 'i32.sub');
      b.set(0).br(0).end().end().get(sum);
    },
    'sumTo',
  );
  module.define(['i32'], ['i32'], (b) => void b.i32(7).i32(9).get(0).select(), 'choose');
  module.define(['i32'], ['i32'], (b) => void b.get(0).if('i32').i32(1).else().i32(2).end(), 'branch');
  module.define([], [], (b) => void b.i32(0).i32(0xab).i32(4).memoryFill().i32(8).i32(2).i32(4).memoryCopy(), 'move');
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });

  const { sumTo, choose, branch, move } = instantiate(module, { env: { memory } });
  move?.();

  assert.equal(sumTo?.(100), 5050);
  assert.deepEqual([choose?.(1), choose?.(0), branch?.(5), branch?.(0)], [7, 9, 1, 2]);
  assert.deepEqual(
    [...new Uint8Array(memory.buffer, 0, 13)],
    [0xab, 0xab, 0xab, 0xab, 0, 0, 0, 0, 0xab, 0xab, 0, 0, 0],
  );
});

test('a memory access that Wasm does not have is refused by name', () => {
  const module = new ModuleBuilder();

  assert.throws(() => module.define([], [], (b) => void b.memory('i32.load24', 0)), /"i32.load24" is not one/);
});
