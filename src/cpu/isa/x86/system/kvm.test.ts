import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, enterUser, SystemFixture, selectors } from '../../../../testing/x86-system.ts';
import type { HypervisorInterface } from '../processor.ts';
import { cpuidLeaf } from './cpuid.ts';
import { kvmMsr, tscScale } from './kvm.ts';

const place = 0x6010;

function guest(hypervisor: HypervisorInterface = 'kvm'): SystemFixture {
  const fixture = new SystemFixture({ hypervisor });
  enterLong64(fixture);
  return fixture;
}

function wrmsr(fixture: SystemFixture, index: number, value: bigint): [number, number] | undefined {
  const { state } = fixture.cpu;
  state.setGpr(1, BigInt(index));
  state.setGpr(0, value & 0xffffffffn);
  state.setGpr(2, value >> 32n);
  return fixture.fault('wrmsr');
}

function rdmsr(fixture: SystemFixture, index: number): bigint | [number, number] {
  const { state } = fixture.cpu;
  state.setGpr(1, BigInt(index));
  return fixture.fault('rdmsr') ?? (state.gpr(2) << 32n) | state.gpr(0);
}

/** The nanoseconds that a guest makes of its counter, as pvclock-abi.h says. */
function systemTime(fixture: SystemFixture, at = place): bigint {
  const { ram, cpu } = fixture;
  const shift = BigInt(ram.getInt8(at + 28));
  const counts = BigInt.asUintN(64, cpu.readTsc() - fixture.read64(at + 8));
  const shifted = shift < 0n ? counts >> -shift : counts << shift;
  return fixture.read64(at + 16) + ((shifted * BigInt(fixture.read32(at + 24))) >> 32n);
}

const text = (...words: number[]): string => Buffer.from(new Int32Array(words).buffer).toString('latin1');

test('a guest finds the hypervisor that its processor is said to have', () => {
  const found = (['kvm', 'mezz', 'none'] as const).map((hypervisor) => {
    const { cpu } = guest(hypervisor);
    const isThere = (cpuidLeaf(cpu, 1, 0)[2] ?? 0) < 0;
    const [, ...vendor] = cpuidLeaf(cpu, 0x40000000, 0);
    return [isThere, text(...vendor), (cpuidLeaf(cpu, 0x40000001, 0)[0] ?? 0) >>> 0];
  });

  const beyond = cpuidLeaf(guest().cpu, 0x16, 0);
  assert.deepEqual(found, [
    [true, 'KVMKVMKVM\0\0\0', 0x0100000b],
    [true, 'MezzMezzMezz', 0],
    [false, text(...beyond.slice(1)), beyond[0]],
  ]);
});

for (const index of [kvmMsr.MSR_KVM_SYSTEM_TIME, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW]) {
  test(`the system time of register 0x${index.toString(16)} is the time since the VM began`, () => {
    const fixture = guest();
    fixture.bus.now = 5_000_000_123;

    assert.equal(wrmsr(fixture, index, BigInt(place + 1)), undefined);

    assert.equal(systemTime(fixture), 5_000_000_123n);
    fixture.bus.now += 777;
    assert.equal(systemTime(fixture), 5_000_000_900n);
    assert.deepEqual([rdmsr(fixture, index), fixture.ram.getUint8(place + 29)], [BigInt(place + 1), 1]);
  });
}

test('a version is even, and another one after each change', () => {
  const fixture = guest();
  fixture.write32(place, 7);
  const versions = [0n, 1n, 2n].map((value) => {
    wrmsr(fixture, 0x10, value);
    wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, BigInt(place + 1));
    return fixture.read32(place);
  });

  assert.deepEqual(versions, [8, 12, 16]);
});

test('the system time goes on when the guest sets its counter, which is then its own', () => {
  const fixture = guest();
  wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, BigInt(place + 1));
  fixture.bus.now = 1e9;

  wrmsr(fixture, 0x10, 42n);

  assert.deepEqual([systemTime(fixture), fixture.ram.getUint8(place + 29)], [1_000_000_000n, 0]);
  wrmsr(fixture, 0x3b, 0n);
  assert.deepEqual([systemTime(fixture), fixture.ram.getUint8(place + 29)], [1_000_000_000n, 1]);
});

test('processors that were made at different times have the same counter', () => {
  const fixture = guest();
  fixture.bus.now = 5e9;

  fixture.cpu.reset();

  assert.equal(fixture.cpu.readTsc(), 5_000_000_000n);
});

test('nothing is written once the clock is off', () => {
  const fixture = guest();
  wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, BigInt(place + 1));
  wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, 0n);
  fixture.write32(place, 0);

  wrmsr(fixture, 0x10, 42n);

  assert.equal(fixture.read32(place), 0);
});

for (const index of [kvmMsr.MSR_KVM_WALL_CLOCK, kvmMsr.MSR_KVM_WALL_CLOCK_NEW]) {
  test(`the wall clock of register 0x${index.toString(16)} is the time of day when the VM began`, () => {
    const fixture = guest();
    fixture.bus.now = 2_500_000_000;
    fixture.bus.wallClock = 1_800_000_000_750;

    assert.equal(wrmsr(fixture, index, BigInt(place)), undefined);

    const words = [0, 4, 8].map((offset) => fixture.read32(place + offset));
    assert.deepEqual(words, [2, 1_799_999_998, 250_000_000]);
    assert.equal(rdmsr(fixture, index), BigInt(place));
  });
}

test('structures across the end of a page are written, code there is dropped first', () => {
  const fixture = guest();
  fixture.codePages.add(fixture.host(0x7000) >>> 12);

  wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, 0x6ff1n);

  assert.equal(fixture.ram.getUint8(0x6ff0 + 29), 1);
  assert.deepEqual(
    fixture.codeWrites,
    [0x7000, 0x7004, 0x7008, 0x700c].map((at) => [at, 4]),
  );
});

test('a place outside of writable RAM gets nothing', () => {
  const fixture = guest();
  fixture.readOnlyPages.add(8);
  const before = Buffer.from(fixture.ram.buffer, fixture.ram.byteOffset, 0x400000).toString('base64');

  for (const at of [0x3ffff0n, 0x400000n, 0x7ff0n, 0xffff_ffff_ffff_fff0n]) {
    assert.equal(wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, at + 1n), undefined);
    assert.equal(wrmsr(fixture, kvmMsr.MSR_KVM_WALL_CLOCK_NEW, at + 8n), undefined);
  }

  assert.equal(Buffer.from(fixture.ram.buffer, fixture.ram.byteOffset, 0x400000).toString('base64'), before);
});

test('a structure whose address is no multiple of four is refused', () => {
  const fixture = guest();

  assert.deepEqual(wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, 0x6003n), [13, 0]);
  assert.deepEqual(wrmsr(fixture, kvmMsr.MSR_KVM_WALL_CLOCK_NEW, 0x6002n), [13, 0]);
  assert.equal(rdmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW), 0n);
});

for (const hypervisor of ['mezz', 'none'] as const) {
  test(`there is nothing of KVM where the hypervisor is ${hypervisor}`, () => {
    const fixture = guest(hypervisor);

    for (const index of Object.values(kvmMsr)) {
      assert.deepEqual(rdmsr(fixture, index), [13, 0]);
      assert.deepEqual(wrmsr(fixture, index, BigInt(place)), [13, 0]);
    }
    assert.deepEqual(fixture.fault('hypercall'), [6, -1]);
  });
}

test('there are no hypercalls, and none at all for programs', () => {
  const fixture = guest();
  const { state } = fixture.cpu;
  fixture.call('hypercall');
  assert.equal(BigInt.asIntN(64, state.gpr(0)), -1000n);
  enterUser(fixture, selectors.userCode32, 0x202);
  fixture.call('hypercall');
  assert.equal(state.gpr(0), 0xffffffffn);
});

test('a clock goes on where its processor is restored', () => {
  const fixture = guest();
  fixture.bus.now = 3e9;
  wrmsr(fixture, kvmMsr.MSR_KVM_SYSTEM_TIME_NEW, BigInt(place + 1));
  wrmsr(fixture, kvmMsr.MSR_KVM_WALL_CLOCK_NEW, 0x6100n);
  const other = guest();
  other.bus.now = 4e9;

  other.cpu.restoreState(JSON.parse(JSON.stringify(fixture.cpu.saveState())));

  assert.equal(systemTime(other), 4_000_000_000n);
  assert.equal(rdmsr(other, kvmMsr.MSR_KVM_WALL_CLOCK), 0x6100n);
});

for (const tscHz of [1e6, 999_999_937, 1e9, 2_894_563_211, 1e10]) {
  test(`counts of ${tscHz} a second become nanoseconds`, () => {
    const { shift, multiplier } = tscScale(tscHz);
    const day = BigInt(86400 * tscHz);
    const shifted = shift < 0 ? day >> BigInt(-shift) : day << BigInt(shift);
    const difference = Number((shifted * BigInt(multiplier)) >> 32n) - 86400e9;

    assert.ok(multiplier >= 2 ** 31 && multiplier < 2 ** 32);
    assert.ok(Math.abs(difference) <= 86400e9 / 2 ** 31, `${difference} ns a day`);
  });
}
