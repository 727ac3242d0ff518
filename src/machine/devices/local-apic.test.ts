import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TimerQueue } from '../../base/index.ts';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { BusyClock, FakeClock, FakeLine, hammer, in32, out32, seededRandom } from '../../testing/fake-hardware.ts';
import { SystemApicBus } from './apic-bus.ts';
import { LocalApic, localApicSizeBytes } from './local-apic.ts';

const [id, version, tpr, ppr, eoi, ldr, dfr, svr] = [0x20, 0x30, 0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0] as const;
const [isr, tmr, irr, esr, icrLow, icrHigh] = [0x100, 0x180, 0x200, 0x280, 0x300, 0x310] as const;
const [lvtTimer, lvtLint0, lvtLint1, lvtError] = [0x320, 0x350, 0x360, 0x370] as const;
const [initialCount, currentCount, divide] = [0x380, 0x390, 0x3e0] as const;
const divideBy1 = 0xb;
const tscDeadlineMsr = 0x6e0;
const baseMsr = 0x1b;

/** Some local APICs on one bus; the TSC runs at 2 GHz. */
function setUp<Clock extends TimerQueue = FakeClock>(count = 1, clock: Clock = new FakeClock() as never) {
  const bus = new SystemApicBus();
  const tsc = {
    read: () => BigInt(Math.floor(clock.nowNs() * 2)),
    whenReachesNs: (value: bigint) => Math.ceil(Number(value) / 2),
  };
  const pic = { vector: 0x30, acknowledged: 0 };
  const events: string[] = [];
  const cpus = Array.from({ length: count }, (_, i) => {
    const intr = new FakeLine();
    const apic = new LocalApic({
      id: i,
      isBootstrap: i === 0,
      clock,
      tsc,
      bus,
      intr,
      acknowledgePic: () => {
        pic.acknowledged++;
        return pic.vector;
      },
      onNmi: () => events.push(`nmi ${i}`),
      onInit: () => events.push(`init ${i}`),
      onSipi: (vector) => events.push(`sipi ${i} ${vector}`),
    });
    bus.attach(apic);
    return { apic, intr, page: apic.page };
  });
  return { clock, bus, tsc, pic, events, cpus, ...cpus[0]! };
}

/** With the APIC software-enabled and LINT0 masked, as Linux runs it. */
function enabled(count = 1) {
  const machine = setUp(count);
  for (const { page } of machine.cpus) {
    out32(page, svr, 0x1ff);
    out32(page, lvtLint0, 0x10700);
  }
  return machine;
}

const sendSelf = (page: LocalApic['page'], vector: number) => out32(page, icrLow, 0x40000 | vector);
const bit = (page: LocalApic['page'], base: number, vector: number) =>
  (in32(page, base + (vector >> 5) * 16) >>> (vector & 31)) & 1;

test('local apic describes itself', () => {
  const { cpus } = setUp(2);
  assert.equal(in32(cpus[1]!.page, id), 1 << 24);
  assert.equal(in32(cpus[0]!.page, version), 0x00050014);
  assert.equal(in32(cpus[0]!.page, svr), 0xff);
});

test('local apic takes an interrupt from request to service to its end', () => {
  const { page, apic, intr } = enabled();
  sendSelf(page, 0x41);
  assert.equal(intr.level, true);
  assert.equal(bit(page, irr, 0x41), 1);
  assert.equal(apic.acknowledge(), 0x41);
  assert.equal(intr.level, false);
  assert.equal(bit(page, irr, 0x41), 0);
  assert.equal(bit(page, isr, 0x41), 1);
  assert.equal(in32(page, ppr), 0x40);
  out32(page, eoi, 0);
  assert.equal(bit(page, isr, 0x41), 0);
  assert.equal(in32(page, ppr), 0);
});

test('local apic lets only higher classes interrupt what is in service', () => {
  const { page, apic, intr } = enabled();
  sendSelf(page, 0x41);
  apic.acknowledge();
  sendSelf(page, 0x4f);
  assert.equal(intr.level, false);
  sendSelf(page, 0x51);
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0x51);
  out32(page, eoi, 0);
  assert.equal(intr.level, false);
  out32(page, eoi, 0);
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0x4f);
});

test('local apic holds back classes that the task priority covers, by register and by CR8', () => {
  const { page, apic, intr } = enabled();
  out32(page, tpr, 0x50);
  sendSelf(page, 0x5f);
  assert.equal(intr.level, false);
  assert.equal(apic.cr8, 5);
  apic.cr8 = 4;
  assert.equal(intr.level, true);
  assert.equal(in32(page, tpr), 0x40);
  apic.cr8 = 15;
  assert.equal(intr.level, false);
  assert.equal(apic.acknowledge(), 0xff); // the spurious vector
  assert.equal(bit(page, irr, 0x5f), 1);
});

test('local apic broadcasts the end of level-triggered interrupts only', () => {
  const { page, apic, bus } = enabled();
  const ended: number[] = [];
  bus.onEndOfInterrupt((vector) => ended.push(vector));
  for (const isLevel of [false, true]) {
    bus.send({ deliveryMode: 0, vector: 0x61, destination: 0, isLogical: false, isLevel });
    assert.equal(bit(page, tmr, 0x61), isLevel ? 1 : 0);
    apic.acknowledge();
    out32(page, eoi, 0);
  }
  assert.deepEqual(ended, [0x61]);
});

test('local apic passes the PIC through before the guest knows of APICs', () => {
  const { apic, intr, pic } = setUp();
  apic.lint0.set(true);
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0x30);
  assert.equal(pic.acknowledged, 1);
  apic.lint0.set(false);
  assert.equal(intr.level, false);
});

test('local apic masks the PIC with LINT0', () => {
  const { page, apic, intr } = enabled();
  apic.lint0.set(true);
  assert.equal(intr.level, false);
  out32(page, lvtLint0, 0x00700);
  assert.equal(intr.level, true);
  out32(page, lvtLint0, 0x10700);
  assert.equal(intr.level, false);
});

test('local apic wires the PIC and NMI directly while it is globally disabled', () => {
  const { page, apic, intr, events } = enabled();
  sendSelf(page, 0x41);
  assert.equal(apic.writeMsr(baseMsr, 0xfee00100n), true);
  assert.equal(intr.level, false);
  apic.lint0.set(true);
  apic.lint1.set(true);
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0x30);
  assert.deepEqual(events, ['nmi 0']);
  assert.equal(in32(page, version), 0xffffffff);
  assert.equal(apic.readMsr(baseMsr), 0xfee00100n);
});

test('local apic delivers LINT1 as NMI on its edge', () => {
  const { page, apic, events } = enabled();
  apic.lint1.set(true);
  apic.lint1.set(false);
  assert.deepEqual(events, []);
  out32(page, lvtLint1, 0x00400);
  apic.lint1.set(true);
  assert.deepEqual(events, ['nmi 0']);
});

test('local apic repeats a level-triggered fixed LINT0 after each EOI while it is high', () => {
  const { page, apic, intr } = enabled();
  out32(page, lvtLint0, 0x08055);
  apic.lint0.set(true);
  assert.equal(apic.acknowledge(), 0x55);
  assert.equal(in32(page, lvtLint0), 0x0c055);
  out32(page, eoi, 0);
  assert.equal(apic.acknowledge(), 0x55);
  apic.lint0.set(false);
  out32(page, eoi, 0);
  assert.equal(intr.level, false);
});

test('local apic masks its vector table while it is disabled by software', () => {
  const { page, intr } = enabled();
  out32(page, lvtTimer, 0x41);
  out32(page, svr, 0xff);
  assert.equal(in32(page, lvtTimer), 0x10041);
  out32(page, lvtTimer, 0x41);
  assert.equal(in32(page, lvtTimer), 0x10041);
  sendSelf(page, 0x41);
  assert.equal(intr.level, false);
});

test('local apic timer counts at 1 GHz over its divisor and fires once in one-shot mode', () => {
  const { clock, page, apic, intr } = enabled();
  out32(page, divide, 0x3); // by 16
  out32(page, lvtTimer, 0xec);
  out32(page, initialCount, 1000);
  clock.advanceNs(8_000);
  assert.equal(in32(page, currentCount), 500);
  assert.equal(intr.level, false);
  clock.advanceNs(8_000);
  assert.equal(in32(page, currentCount), 0);
  assert.equal(apic.acknowledge(), 0xec);
  out32(page, eoi, 0);
  clock.advanceNs(1e9);
  assert.equal(intr.level, false);
});

test('local apic timer fires in one-shot mode on a host that was away for longer than it counts', () => {
  const { clock, page, apic, intr } = setUp(1, new BusyClock(10_000));
  out32(page, svr, 0x1ff);
  out32(page, divide, divideBy1);
  out32(page, lvtTimer, 0xec);
  out32(page, initialCount, 5000);
  out32(page, lvtTimer, 0x100ec); // Masked and unmasked while its expiry waits to be served.
  out32(page, lvtTimer, 0xec);
  clock.runExpired();
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0xec);
  out32(page, eoi, 0);
  out32(page, lvtTimer, 0xed);
  clock.runExpired();
  assert.equal(intr.level, false, 'once');
});

test('local apic timer repeats in periodic mode and merges periods that nobody saw', () => {
  const { clock, page, apic, intr } = enabled();
  out32(page, divide, divideBy1);
  out32(page, lvtTimer, 0x200ec);
  out32(page, initialCount, 1_000_000);
  let ticks = 0;
  for (let i = 0; i < 100; i++) {
    clock.advanceNs(100_000);
    if (!intr.level) continue;
    assert.equal(apic.acknowledge(), 0xec);
    out32(page, eoi, 0);
    ticks++;
  }
  assert.equal(ticks, 10);
  clock.skipNs(50e6);
  assert.equal(apic.acknowledge(), 0xec);
  out32(page, eoi, 0);
  assert.equal(intr.level, false);
  clock.advanceNs(1_000_000);
  assert.equal(intr.level, true);
});

test('local apic timer counts while masked, and asks the host for nothing', () => {
  const { clock, page, intr } = enabled();
  out32(page, divide, divideBy1);
  out32(page, lvtTimer, 0x300ec);
  out32(page, initialCount, 1000);
  assert.equal(clock.nextDeadlineNs(), undefined);
  clock.advanceNs(2_300);
  assert.equal(in32(page, currentCount), 700);
  assert.equal(intr.level, false);
  out32(page, lvtTimer, 0x200ec);
  assert.equal(clock.nextDeadlineNs(), 3_000);
  out32(page, initialCount, 0);
  assert.equal(clock.nextDeadlineNs(), undefined);
});

test('local apic timer does not flood the host with a period of one tick', () => {
  const { clock, page } = enabled();
  out32(page, divide, divideBy1);
  out32(page, lvtTimer, 0x200ec);
  out32(page, initialCount, 1);
  clock.skipNs(1e6);
  assert.ok((clock.nextDeadlineNs() ?? 0) >= clock.nowNs() + 20_000);
});

test('local apic timer fires when the TSC reaches the deadline', () => {
  const { clock, page, apic, intr } = enabled();
  assert.equal(apic.writeMsr(tscDeadlineMsr, 1000n), true);
  assert.equal(apic.readMsr(tscDeadlineMsr), 0n); // not in that mode yet
  out32(page, lvtTimer, 0x400ec);
  apic.writeMsr(tscDeadlineMsr, 2_000_000n);
  assert.equal(apic.readMsr(tscDeadlineMsr), 2_000_000n);
  clock.advanceNs(999_999);
  assert.equal(intr.level, false);
  clock.advanceNs(1);
  assert.equal(apic.acknowledge(), 0xec);
  assert.equal(apic.readMsr(tscDeadlineMsr), 0n);
  out32(page, eoi, 0);
  apic.writeMsr(tscDeadlineMsr, 5n); // long past
  assert.equal(intr.level, true);
});

test('local apic timer is disarmed by a zero deadline and by leaving the mode', () => {
  const { clock, page, apic } = enabled();
  out32(page, lvtTimer, 0x400ec);
  apic.writeMsr(tscDeadlineMsr, 2_000_000n);
  apic.writeMsr(tscDeadlineMsr, 0n);
  assert.equal(clock.nextDeadlineNs(), undefined);
  apic.writeMsr(tscDeadlineMsr, 2n ** 64n - 1n);
  assert.equal(clock.nextDeadlineNs(), undefined);
  apic.writeMsr(tscDeadlineMsr, 2_000_000n);
  out32(page, lvtTimer, 0x000ec);
  assert.equal(clock.nextDeadlineNs(), undefined);
});

test('local apic sends to others by ID, shorthand and logical destination', () => {
  const { cpus, apic } = enabled(3);
  const [zero, one, two] = cpus as [(typeof cpus)[0], (typeof cpus)[0], (typeof cpus)[0]];
  const requesting = () => {
    const levels = cpus.map(({ intr }) => (intr.level ? 1 : 0)).join('');
    for (const cpu of cpus) {
      if (!cpu.intr.level) continue;
      cpu.apic.acknowledge();
      out32(cpu.page, eoi, 0);
    }
    return levels;
  };
  const send = (destination: number, command: number) => {
    out32(zero.page, icrHigh, destination << 24);
    out32(zero.page, icrLow, command);
    return requesting();
  };
  assert.equal(apic, zero.apic);
  assert.equal(send(2, 0x40), '001');
  assert.equal(send(0xff, 0x40), '111');
  assert.equal(send(0, 0x80040), '111');
  assert.equal(send(0, 0xc0040), '011');
  assert.equal(send(7, 0x40), '000');
  for (const [i, cpu] of cpus.entries()) out32(cpu.page, ldr, 1 << (24 + i));
  assert.equal(send(0x06, 0x00840), '011');
  for (const cpu of cpus) out32(cpu.page, dfr, 0x0fffffff);
  out32(zero.page, ldr, 0x11000000);
  out32(one.page, ldr, 0x12000000);
  out32(two.page, ldr, 0x21000000);
  assert.equal(send(0x13, 0x00840), '110');
  assert.equal(send(0xf1, 0x00840), '101');
});

test('local apic gives a lowest-priority message to the one with the lowest priority', () => {
  const { cpus } = enabled(2);
  out32(cpus[0]!.page, tpr, 0x20);
  out32(cpus[0]!.page, icrHigh, 0xff000000);
  out32(cpus[0]!.page, icrLow, 0x00140);
  assert.deepEqual(
    cpus.map(({ intr }) => intr.level),
    [false, true],
  );
});

test('local apic starts another processor with INIT and start-up messages', () => {
  const { cpus, events } = enabled(2);
  const { page } = cpus[0]!;
  out32(cpus[1]!.page, lvtTimer, 0x41);
  out32(page, icrHigh, 1 << 24);
  out32(page, icrLow, 0x0c500); // INIT, assert
  out32(page, icrLow, 0x08500); // INIT, de-assert
  out32(page, icrLow, 0x0069a);
  out32(page, icrLow, 0x00400); // NMI
  assert.deepEqual(events, ['init 1', `sipi 1 ${0x9a}`, 'nmi 1']);
  assert.equal(in32(cpus[1]!.page, lvtTimer), 0x10000);
});

test('local apic takes nothing while it is globally disabled, and an SMI never', () => {
  const { cpus, page, events } = enabled(3);
  cpus[1]?.apic.writeMsr(baseMsr, 0xfee00000n);
  out32(page, icrLow, 0xc4400);
  out32(page, icrLow, 0xc4200);
  assert.deepEqual(events, ['nmi 2']);
});

test('local apic takes an ExtINT message to the PIC', () => {
  const { bus, apic, intr, pic } = enabled();
  bus.send({ deliveryMode: 7, vector: 0, destination: 0, isLogical: false, isLevel: false });
  assert.equal(intr.level, true);
  assert.equal(apic.acknowledge(), 0x30);
  assert.equal(pic.acknowledged, 1);
  assert.equal(intr.level, false);
});

test('local apic reports illegal vectors and registers once its error status is written', () => {
  const { page, apic } = enabled();
  out32(page, lvtError, 0xfe);
  sendSelf(page, 0x0f);
  assert.equal(in32(page, esr), 0);
  out32(page, esr, 0);
  assert.equal(in32(page, esr), 0x20);
  assert.equal(apic.acknowledge(), 0xfe);
  in32(page, 0x000);
  out32(page, esr, 0);
  assert.equal(in32(page, esr), 0x80);
  out32(page, lvtError, 0x05); // its own vector is illegal
  in32(page, 0x000);
});

test('local apic changes modes only as the manual allows', () => {
  const { apic, page } = setUp();
  const write = (value: bigint) => apic.writeMsr(baseMsr, value);
  assert.equal(apic.readMsr(baseMsr), 0xfee00900n);
  assert.equal(write(0xfee00500n), false); // x2APIC without enable
  assert.equal(write(0xfee00901n), false); // reserved bit
  assert.equal(write(0xfee00d00n), true);
  assert.equal(in32(page, version), 0xffffffff);
  assert.equal(write(0xfee00900n), false); // not back to xAPIC directly
  assert.equal(write(0xfee00100n), true);
  assert.equal(write(0xfee00d00n), false); // not to x2APIC directly
  assert.equal(write(0xfee00900n), true);
  assert.equal(in32(page, version), 0x00050014);
});

test('local apic serves its registers as MSRs in x2APIC mode', () => {
  const { cpus } = setUp(2);
  for (const { apic } of cpus) {
    assert.equal(apic.readMsr(0x803), undefined);
    const base = apic.readMsr(baseMsr)!;
    apic.writeMsr(baseMsr, base | 0x400n);
    assert.equal(apic.writeMsr(0x80f, 0x1ffn), true);
    assert.equal(apic.writeMsr(0x835, 0x10700n), true);
  }
  const [zero, one] = cpus as [(typeof cpus)[0], (typeof cpus)[0]];
  assert.equal(one.apic.readMsr(0x802), 1n);
  assert.equal(one.apic.readMsr(0x80d), 2n);
  assert.equal(zero.apic.readMsr(0x80e), undefined);
  assert.equal(zero.apic.writeMsr(0x802, 5n), false);
  assert.equal(zero.apic.writeMsr(0x80b, 1n), false);
  assert.equal(zero.apic.readMsr(0x80b), undefined);
  assert.equal(zero.apic.writeMsr(0x808, 1n << 32n), false);
  assert.equal(zero.apic.writeMsr(0x830, (1n << 32n) | 0x41n), true);
  assert.equal(zero.apic.readMsr(0x830), (1n << 32n) | 0x41n);
  assert.equal(one.apic.acknowledge(), 0x41);
  assert.equal(one.apic.writeMsr(0x80b, 0n), true);
  zero.apic.writeMsr(0x830, (2n << 32n) | 0x842n); // logical
  assert.equal(one.apic.acknowledge(), 0x42);
  zero.apic.writeMsr(0x83f, 0x51n);
  assert.equal(zero.apic.acknowledge(), 0x51);
  assert.equal(zero.apic.writeMsr(0x8ff, 0n), false);
});

test('local apic survives a guest that writes anything', () => {
  for (let seed = 1; seed < 30; seed++) {
    const { clock, cpus } = enabled(2);
    const random = seededRandom(seed);
    for (let i = 0; i < 30; i++) {
      hammer(
        cpus.map(({ page }) => ({ target: page, sizeBytes: localApicSizeBytes })),
        seed * 100 + i,
        200,
      );
      for (const { apic } of cpus) {
        apic.writeMsr(0x800 + random(0x40), BigInt(random(0x100000)));
        apic.readMsr(0x800 + random(0x100));
        apic.writeMsr(tscDeadlineMsr, BigInt(random(2 ** 32)) << BigInt(random(32)));
        if (random(4) === 0) apic.writeMsr(baseMsr, 0xfee00000n | BigInt(random(16) << 8));
        apic.lint0.set(random(2) === 0);
        const vector = apic.acknowledge();
        assert.ok(vector >= 0 && vector <= 0xff);
      }
      clock.skipNs(random(1_000_000));
    }
  }
});

test('local apic raises INTR again after a restore, and its timer goes on', () => {
  const { clock, page, apic } = enabled();
  out32(page, divide, divideBy1);
  out32(page, lvtTimer, 0xec);
  out32(page, initialCount, 1_000_000);
  sendSelf(page, 0x41);
  clock.advanceNs(600_000);
  const other = setUp();
  other.apic.restore(apic.save());
  assert.equal(other.intr.level, true);
  assert.equal(other.apic.acknowledge(), 0x41);
  other.clock.advanceNs(400_000);
  assert.equal(other.apic.acknowledge(), 0xec);
});

testSavedDevice({
  name: 'local apic',
  create: () => setUp().apic,
  disturb: (device) => {
    const apic = device as LocalApic;
    out32(apic.page, svr, 0x1fe);
    out32(apic.page, ldr, 0x01000000);
    out32(apic.page, divide, 0x8);
    out32(apic.page, lvtTimer, 0x41);
    out32(apic.page, initialCount, 77);
    out32(apic.page, icrHigh, 0x02000000);
    sendSelf(apic.page, 0x42);
    sendSelf(apic.page, 0x62);
    apic.acknowledge();
    apic.lint0.set(true);
    apic.cr8 = 3;
  },
});
