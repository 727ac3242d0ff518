import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrapMachine } from '../../../../testing/trap-machine.ts';
import { flag } from '../layout.ts';

const { data } = TrapMachine;
const [rax, rcx, rdx, rbx, rdi] = [0, 1, 2, 3, 7];
const cmpxchg8b = [0x0f, 0xc7, 0x0f]; // cmpxchg8b [rdi]
const cmpxchg16b = [0x48, ...cmpxchg8b];
const generalProtection = 13;
const pageFault = 14;

function machineWith(low: bigint, high: bigint): TrapMachine {
  const machine = new TrapMachine().set(rdi, data);
  machine.bare.view.setBigUint64(data, low, true);
  machine.bare.view.setBigUint64(data + 8, high, true);
  machine.eflags = flag.CF | flag.SF;
  return machine;
}
const words = ({ bare }: TrapMachine): bigint[] => [
  bare.view.getBigUint64(data, true),
  bare.view.getBigUint64(data + 8, true),
];

test('CMPXCHG8B that finds another value loads it', () => {
  const machine = machineWith(0x2222_2222_1111_1111n, 9n).set(rax, -1).set(rdx, -1);

  machine.run(cmpxchg8b);

  assert.deepEqual([machine.get(rax), machine.get(rdx)], [0x1111_1111n, 0x2222_2222n]);
  assert.deepEqual(words(machine), [0x2222_2222_1111_1111n, 9n]);
  assert.equal(machine.eflags & (flag.ZF | flag.CF | flag.SF), flag.CF | flag.SF);
});

test('CMPXCHG8B that finds its value stores another and leaves the registers whole', () => {
  const machine = machineWith(0x2222_2222_1111_1111n, 9n)
    .set(rax, 0xffff_ffff_1111_1111n)
    .set(rdx, 0xffff_ffff_2222_2222n)
    .set(rbx, 0xaaaan)
    .set(rcx, 0xbbbbn);

  machine.run(cmpxchg8b);

  assert.deepEqual([machine.get(rax), machine.get(rdx)], [0xffff_ffff_1111_1111n, 0xffff_ffff_2222_2222n]);
  assert.deepEqual(words(machine), [0xbbbb_0000_aaaan, 9n]);
  assert.equal(machine.eflags & (flag.ZF | flag.CF | flag.SF), flag.ZF | flag.CF | flag.SF);
});

test('CMPXCHG16B exchanges when equal and loads when not', () => {
  const machine = machineWith(1n, 2n).set(rax, 1).set(rdx, 2).set(rbx, -1).set(rcx, 3);

  machine.run(cmpxchg16b);
  const [stored, isEqual] = [words(machine), machine.eflags & flag.ZF];
  machine.run(cmpxchg16b);

  assert.deepEqual([stored, isEqual], [[0xffff_ffff_ffff_ffffn, 3n], flag.ZF]);
  assert.deepEqual([machine.get(rax), machine.get(rdx), machine.eflags & flag.ZF], [0xffff_ffff_ffff_ffffn, 3n, 0]);
});

test('CMPXCHG16B wants 16-byte alignment, and both write even when they only load', () => {
  const machine = machineWith(1n, 2n);

  assert.equal(machine.set(rdi, data + 8).run(cmpxchg16b)?.vector, generalProtection);
  machine.bare.unmap(data);
  const trap = machine.set(rdi, data).run(cmpxchg8b);
  assert.deepEqual([trap?.vector, trap?.errorCode], [pageFault, 2n]);
});
