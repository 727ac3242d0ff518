import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLong64, enterProtected32, enterUser, SystemFixture, selectors } from '../../../../testing/x86-system.ts';
import { flagsFromWords, wordsFromFlags } from '../flags.ts';
import { flag, layout, lazyFlags } from '../layout.ts';
import { cpuidLeaf } from './cpuid.ts';

const long = (): SystemFixture => {
  const fixture = new SystemFixture();
  enterLong64(fixture);
  return fixture;
};

const rdmsr = (fixture: SystemFixture, index: number): bigint | [number, number] => {
  const { state } = fixture.cpu;
  state.setGpr(1, BigInt(index));
  const fault = fixture.fault('rdmsr');
  return fault ?? (state.gpr(2) << 32n) | state.gpr(0);
};
const wrmsr = (fixture: SystemFixture, index: number, value: bigint): [number, number] | undefined => {
  const { state } = fixture.cpu;
  state.setGpr(1, BigInt(index));
  state.setGpr(0, value & 0xffffffffn);
  state.setGpr(2, value >> 32n);
  return fixture.fault('wrmsr');
};

test('EFLAGS and the lazy words agree with flags.ts', () => {
  const { state } = new SystemFixture().cpu;
  for (let bits = 0; bits < 64; bits++) {
    const names = [flag.CF, flag.PF, flag.AF, flag.ZF, flag.SF, flag.OF];
    const eflags = names.reduce((sum, name, i) => (bits & (1 << i) ? sum | name : sum), 0);
    state.storeEflags(eflags | flag.DF);
    assert.equal(state.eflags, eflags | flag.DF | 2);
    assert.equal(state.eflagsRest, flag.DF | 2);
    const words = new BigInt64Array(state.buffer, layout.flagZero, 3);
    const expected = wordsFromFlags(eflags);
    assert.deepEqual([...words], [expected.zero, expected.sign, expected.carry]);
    assert.equal(
      flagsFromWords({ zero: words[0] ?? 0n, sign: words[1] ?? 0n, carry: words[2] ?? 0n }),
      eflags & lazyFlags,
    );
  }
});

test('the vendor, the signature and the address sizes are reported', () => {
  const { cpu } = new SystemFixture();
  const text = (...words: number[]): string => Buffer.from(new Int32Array(words).buffer).toString('latin1');
  const [max, b, c, d] = cpuidLeaf(cpu, 0, 0);
  assert.deepEqual([max, text(b, d, c)], [0x16, 'GenuineIntel']);
  const brand = [2, 3, 4].map((leaf) => text(...cpuidLeaf(cpu, 0x80000000 + leaf, 0))).join('');
  assert.equal(brand.replaceAll('\0', ''), 'Mezz virtual processor');
  assert.equal(cpuidLeaf(cpu, 0x80000008, 0)[0], 0x3028);
  assert.equal(text(...cpuidLeaf(cpu, 0x40000000, 0).slice(1)), 'KVMKVMKVM\0\0\0');
  assert.deepEqual(cpuidLeaf(cpu, 0x15, 0), [1, 1, 1e9, 0]);
  assert.deepEqual(cpuidLeaf(cpu, 0x40000010, 0).slice(0, 2), [1e6, 1e6]);
  assert.deepEqual(cpuidLeaf(cpu, 0x1234, 0), cpuidLeaf(cpu, 0x16, 0));
});

test('the feature words are what is implemented', () => {
  const { cpu, bus } = new SystemFixture();
  const words = cpuidLeaf(cpu, 1, 0).map((word) => (word >>> 0).toString(16));
  assert.deepEqual(words, ['106ca', '10800', 'f7fa3203', '78bfbfd']);
  bus.apicBase = 0xfee00100n;
  assert.equal((cpuidLeaf(cpu, 1, 0)[3] ?? 0) & 0x200, 0);
  assert.deepEqual(
    cpuidLeaf(cpu, 7, 0).map((word) => word >>> 0),
    [0, 0x201c27eb, 0, 0x24000000],
  );
  assert.deepEqual(
    cpuidLeaf(cpu, 0x80000001, 0).map((word) => word >>> 0),
    [0, 0, 0x21, 0x2c100800],
  );
});

test('CPUID clears the upper halves', () => {
  const fixture = long();
  fixture.cpu.state.setGpr(3, -1n & 0xffffffffffffffffn);
  fixture.cpu.state.setGpr(0, 0xffff_ffff_0000_0000n);
  fixture.call('cpuid');
  assert.equal(fixture.cpu.state.gpr(3), 0x756e6547n);
});

test('model-specific registers keep legal values and refuse others', () => {
  const fixture = long();
  assert.equal(wrmsr(fixture, 0xc0000082, 0xffffffff81000000n), undefined);
  assert.equal(rdmsr(fixture, 0xc0000082), 0xffffffff81000000n);
  assert.deepEqual(wrmsr(fixture, 0xc0000082, 0x800000000000n), [13, 0]);
  assert.equal(wrmsr(fixture, 0xc0000100, 0x7fff12345678n), undefined);
  assert.equal(rdmsr(fixture, 0xc0000100), 0x7fff12345678n);
  assert.equal(wrmsr(fixture, 0x277, 0x0007040600070406n), undefined);
  assert.deepEqual(wrmsr(fixture, 0x277, 0x02n), [13, 0]);
  assert.deepEqual(wrmsr(fixture, 0xc0000080, 0x1n << 12n), [13, 0]);
  assert.deepEqual(wrmsr(fixture, 0xc0000080, 0n), [13, 0]);
  assert.deepEqual(
    [rdmsr(fixture, 0x12345), wrmsr(fixture, 0x12345, 0n)],
    [
      [13, 0],
      [13, 0],
    ],
  );
  assert.deepEqual([rdmsr(fixture, 0x1b), rdmsr(fixture, 0xfe), rdmsr(fixture, 0x179)], [0xfee00900n, 0x508n, 0n]);
  assert.equal(rdmsr(fixture, 0x10a), 0x400000000d10e17bn);
  assert.deepEqual(wrmsr(fixture, 0x10a, 0n), [13, 0]);
  assert.equal(wrmsr(fixture, 0x48, 1n), undefined);
});

for (const [name, index, legal, illegal] of [
  ['IA32_MTRR_DEF_TYPE', 0x2ff, [0xc06n, 0n], [0x02n, 0x206n, 0x1006n, 1n << 32n]],
  ['IA32_MTRR_PHYSBASE0', 0x200, [0xff_ffff_f006n, 0x1001n], [0x1002n, 0x1106n, 1n << 40n]],
  ['IA32_MTRR_PHYSMASK7', 0x20f, [0xff_ffff_f800n], [0x801n, 0x400n, 1n << 63n]],
  ['IA32_MTRR_FIX64K_00000', 0x250, [0x0001_0405_0606_0606n], [0x02n, 7n << 56n]],
  ['IA32_MTRRCAP', 0xfe, [], [0x508n]],
  ['IA32_PAT', 0x277, [0x0007_0504_0106_0700n], [3n << 56n, 0x08n]],
  ['IA32_MCG_STATUS', 0x17a, [7n, 0n], [8n, 1n << 32n]],
  ['IA32_MCG_CAP', 0x179, [], [0n]],
  ['IA32_MCG_CTL', 0x17b, [], [0n]],
  ['IA32_MC0_CTL', 0x400, [], [0n]],
  ['IA32_PMC0', 0xc1, [], [0n]],
  ['IA32_PERF_GLOBAL_CTRL', 0x38f, [], [0n]],
  ['IA32_DEBUGCTL', 0x1d9, [3n, 0n], [4n, 1n << 16n, 1n << 32n]],
  ['IA32_MISC_ENABLE', 0x1a0, [0x1800n, 0x1801n], [2n, 1n << 40n]],
  ['IA32_SPEC_CTRL', 0x48, [1n, 0n], [2n, 1n << 32n]],
  ['IA32_PLATFORM_ID', 0x17, [], [0n]],
  ['IA32_FEATURE_CONTROL', 0x3a, [], [1n]],
  ['IA32_XSS', 0xda0, [0n], [1n, 1n << 8n]],
  ['IA32_TSC_AUX', 0xc0000103, [0xffffffffn], [1n << 32n]],
] as const) {
  test(`${name} keeps what is legal and refuses the rest`, () => {
    const fixture = long();

    for (const value of legal) {
      assert.equal(wrmsr(fixture, index, value), undefined);
      assert.equal(rdmsr(fixture, index), value);
    }
    for (const value of illegal) assert.deepEqual(wrmsr(fixture, index, value), [13, 0], value.toString(16));
    if (legal.length > 0) assert.equal(rdmsr(fixture, index), legal.at(-1));
  });
}

test('no value of any register makes RDMSR or WRMSR fail otherwise than by #GP', () => {
  const fixture = long();
  const values = [0n, 1n, 0xffffffffn, 1n << 32n, 1n << 63n, 0xffff_ffff_ffff_ffffn];
  const ranges = [0, 0x1000, 0x40000000, 0x4b564d00, 0xc0000000, 0xc0010000, 0xfffffff0];

  for (const start of ranges) {
    for (let index = start; index < start + (start === 0 ? 0x1000 : 0x10); index++) {
      for (const value of values) {
        const fault = wrmsr(fixture, index, value);
        assert.ok(fault === undefined || fault[0] === 13);
      }
      const read = rdmsr(fixture, index);
      assert.ok(typeof read === 'bigint' || read[0] === 13);
    }
  }
});

test('user code reads no model-specific register', () => {
  const fixture = long();
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.deepEqual(rdmsr(fixture, 0x10), [13, 0]);
});

test('the time-stamp counter follows the clock, its MSR and its adjustment', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  const rdtsc = (): bigint => {
    fixture.call('rdtsc');
    return state.u64[layout.helper / 8] ?? 0n;
  };
  fixture.bus.now = 5e9;
  assert.equal(rdtsc(), 5_000_000_000n);
  wrmsr(fixture, 0x10, 1000n);
  assert.equal(rdtsc(), 1000n);
  assert.equal(BigInt.asIntN(64, rdmsr(fixture, 0x3b) as bigint), 1000n - 5_000_000_000n);
  wrmsr(fixture, 0x3b, 0n);
  assert.equal(rdtsc(), 5_000_000_000n);
  assert.equal(fixture.cpu.tscToNs(6_000_000_000n), 6e9);
  state.cr4 |= 4;
  enterUser(fixture, selectors.userCode64, 0x202);
  assert.deepEqual(fixture.fault('rdtsc'), [13, 0]);
});

const movToCr = (fixture: SystemFixture, number: number, value: bigint): [number, number] | undefined => {
  fixture.cpu.state.setGpr(0, value);
  return fixture.fault('movToCr', 0, number);
};

test('control registers refuse illegal combinations', () => {
  const fixture = long();
  assert.deepEqual(movToCr(fixture, 0, 0x80000000n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 0, 0xa0000011n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 0, 0x11n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 0, 0x1_0000_0011n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 4, 0x00n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 4, 0x80020n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 3, 1n << 40n), [13, 0]);
  assert.deepEqual(movToCr(fixture, 1, 0n), [6, -1]);
  assert.equal(movToCr(fixture, 8, 5n), undefined);
  assert.equal(fixture.bus.cr8, 5);
  assert.equal(movToCr(fixture, 0, 0x80050033n), undefined);
  fixture.call('clts');
  fixture.call('movFromCr', 3, 0);
  assert.equal(fixture.cpu.state.gpr(3), 0x80050033n);
});

test('64-bit mode is entered by EFER.LME, CR4.PAE and CR0.PG', () => {
  const fixture = new SystemFixture();
  enterProtected32(fixture);
  const { state } = fixture.cpu;
  assert.equal(wrmsr(fixture, 0xc0000080, 0x100n), undefined);
  assert.deepEqual(movToCr(fixture, 0, 0x80000011n), [13, 0]);
  assert.equal(movToCr(fixture, 4, 0x20n), undefined);
  assert.equal(movToCr(fixture, 0, 0x80000011n), undefined);
  assert.equal(rdmsr(fixture, 0xc0000080), 0x500n);
  assert.deepEqual(movToCr(fixture, 4, 0n), [13, 0]);
  assert.equal(movToCr(fixture, 0, 0x11n), undefined);
  assert.equal(state.efer, 0x100);
});

test('LMSW sets PE but cannot clear it', () => {
  const fixture = new SystemFixture();
  fixture.call('lmsw', 3);
  assert.equal(fixture.call('smsw') & 15, 3);
  fixture.call('lmsw', 0);
  assert.equal(fixture.call('smsw') & 15, 1);
});

test('debug registers keep fixed bits, DR4 is DR6', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  state.setGpr(0, 0xffffffffn);
  fixture.call('movToDr', 0, 6);
  fixture.call('movFromDr', 1, 4);
  assert.equal(state.gpr(1), 0xffffefffn);
  state.setGpr(0, 1n << 32n);
  assert.deepEqual(fixture.fault('movToDr', 0, 7), [13, 0]);
  state.cr4 |= 8;
  assert.deepEqual(fixture.fault('movFromDr', 0, 4), [6, -1]);
  state.setGpr(0, 0x2400n);
  fixture.call('movToDr', 0, 7);
  assert.deepEqual(fixture.fault('movFromDr', 0, 0), [1, -1]);
});

test('privileged instructions fault in user mode', () => {
  const fixture = long();
  enterUser(fixture, selectors.userCode64, 0x202);
  const names = ['hlt', 'clts', 'invd', 'wbinvd', 'invlpg', 'lgdt', 'lidt', 'wrmsr', 'rdpmc'] as const;
  for (const name of names) assert.deepEqual(fixture.fault(name), [13, 0], name);
  assert.deepEqual(fixture.fault('movFromCr', 0, 0), [13, 0]);
  assert.deepEqual(fixture.fault('mwait'), [6, -1]);
});

test('LGDT takes 10 bytes in 64-bit mode and checks the base', () => {
  const fixture = long();
  fixture.write16(0x6000, 0x7f);
  fixture.write64(0x6002, 0xffff800000001000n);
  fixture.setArgument(0x6000n);
  fixture.call('lgdt', 8);
  fixture.setArgument(0x6100n);
  fixture.call('sgdt');
  assert.deepEqual([fixture.read16(0x6100), fixture.read64(0x6102)], [0x7f, 0xffff800000001000n]);
  fixture.write64(0x6002, 0x800000000000n);
  fixture.setArgument(0x6000n);
  assert.deepEqual(fixture.fault('lgdt', 8), [13, 0]);
});

test('FSGSBASE instructions need CR4 and canonical values', () => {
  const fixture = long();
  const { state } = fixture.cpu;
  assert.deepEqual(fixture.fault('rdfsbase', 0, 8), [6, -1]);
  state.cr4 |= 1 << 16;
  state.setGpr(0, 0xffff888012345678n);
  fixture.call('wrgsbase', 0, 8);
  fixture.call('rdgsbase', 1, 8);
  fixture.call('rdgsbase', 2, 4);
  assert.deepEqual([state.gpr(1), state.gpr(2)], [0xffff888012345678n, 0x12345678n]);
  state.setGpr(0, 0x800000000000n);
  assert.deepEqual(fixture.fault('wrfsbase', 0, 8), [13, 0]);
});

test('CPUID tells each of six processors its place in the package', () => {
  const { cpu } = new SystemFixture({ apicId: 5, cpuCount: 6 });
  const [, ebx, , edx] = cpuidLeaf(cpu, 1, 0);
  assert.equal((ebx >>> 16) & 0xff, 8);
  assert.equal(ebx >>> 24, 5);
  assert.ok(edx & (1 << 28));
  assert.equal(cpuidLeaf(cpu, 4, 0)[0] >>> 26, 7);
  assert.deepEqual(cpuidLeaf(cpu, 0xb, 0), [0, 1, 0x100, 5]);
  assert.deepEqual(cpuidLeaf(cpu, 0xb, 1), [3, 6, 0x201, 5]);
  assert.deepEqual(cpuidLeaf(cpu, 0xb, 2), [0, 0, 2, 5]);
});
