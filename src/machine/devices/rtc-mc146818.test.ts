import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSavedDevice } from '../../testing/device-contract.ts';
import { FakeClock, FakeLine, hammer, in8, out8 } from '../../testing/fake-hardware.ts';
import { memorySizeCmos, RtcMc146818 } from './rtc-mc146818.ts';

function setUp(start = Date.UTC(2024, 1, 29, 23, 59, 50)) {
  const clock = new FakeClock();
  const line = new FakeLine();
  const wallClock = () => start + clock.nowNs() / 1e6;
  const rtc = new RtcMc146818({ clock, wallClock, line, cmos: { 56: 0x5a } });
  return { clock, line, rtc, ...access(rtc) };
}

const access = ({ ports }: RtcMc146818) => ({
  get: (register: number) => {
    out8(ports, 0, register);
    return in8(ports, 1);
  },
  set: (register: number, value: number) => {
    out8(ports, 0, register);
    out8(ports, 1, value);
  },
});

const [seconds, minutes, hours, weekday, day, month, year, century] = [0, 2, 4, 6, 7, 8, 9, 0x32] as const;
const [secondsAlarm, minutesAlarm, hoursAlarm] = [1, 3, 5] as const;
const [a, b, c, d] = [10, 11, 12, 13] as const;
const second = 1e9;

test('rtc gives the host time in BCD, and across a leap day', () => {
  const { clock, get } = setUp();
  const date = [century, year, month, day, weekday, hours, minutes, seconds];
  assert.deepEqual(date.map(get), [0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x50]);
  clock.advanceNs(10 * second);
  assert.deepEqual(date.map(get), [0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00]);
  assert.equal(get(d), 0x80);
});

test('rtc keeps binary and 12-hour time when told so', () => {
  const { clock, get, set } = setUp();
  set(b, 0x84);
  set(hours, 0x80 | 11);
  set(minutes, 59);
  set(seconds, 50);
  set(b, 0x04);
  assert.deepEqual([hours, minutes, seconds].map(get), [0x8b, 59, 50]);
  clock.advanceNs(10 * second);
  assert.deepEqual([hours, minutes, seconds].map(get), [12, 0, 0]);
  clock.advanceNs(12 * 3600 * second);
  assert.equal(get(hours), 0x8c);
});

test('rtc takes the time that the guest sets, and runs on from it', () => {
  const { clock, get, set } = setUp();
  const values = [
    [century, 0x19],
    [year, 0x99],
    [month, 0x12],
    [day, 0x31],
    [hours, 0x23],
    [minutes, 0x59],
    [seconds, 0x58],
  ] as const;
  set(b, 0x82);
  for (const [register, value] of values) set(register, value);
  clock.advanceNs(5 * second);
  assert.equal(get(seconds), 0x58);
  set(b, 0x02);
  clock.advanceNs(3 * second);
  assert.deepEqual([century, year, month, day, hours, minutes, seconds].map(get), [0x20, 0, 1, 1, 0, 0, 1]);
});

test('rtc waits half a second after its divider is released', () => {
  const { clock, get, set } = setUp();
  set(a, 0x76);
  set(seconds, 0x10);
  clock.advanceNs(10 * second);
  set(a, 0x26);
  clock.advanceNs(0.4 * second);
  assert.equal(get(seconds), 0x10);
  clock.advanceNs(0.2 * second);
  assert.equal(get(seconds), 0x11);
});

test('rtc shows an update in progress just before the second changes', () => {
  const { clock, get } = setUp();
  assert.equal(get(a), 0x26);
  clock.advanceNs(0.999 * second);
  assert.equal(get(a), 0xa6);
  clock.advanceNs(0.001 * second);
  assert.equal(get(a), 0x26);
});

test('rtc interrupts after each update until register C is read', () => {
  const { clock, line, get, set } = setUp();
  set(b, 0x12);
  clock.advanceNs(0.999 * second);
  assert.equal(line.level, false);
  clock.advanceNs(5 * second);
  assert.equal(line.risingEdges, 1);
  assert.equal(get(c) & 0xf0, 0xd0); // the periodic flag is up as well, unasked for
  assert.equal(line.level, false);
  clock.advanceNs(1 * second);
  assert.equal(line.risingEdges, 2);
});

test('rtc raises its flags for a guest that polls', () => {
  const { clock, get, set } = setUp();
  set(a, 0x20);
  get(c);
  assert.equal(get(c), 0);
  clock.advanceNs(second);
  assert.equal(get(c), 0x10);
  assert.equal(get(c), 0);
});

test('rtc interrupts at the alarm time', () => {
  const { clock, line, get, set } = setUp();
  set(hoursAlarm, 0x00);
  set(minutesAlarm, 0x01);
  set(secondsAlarm, 0x30);
  set(b, 0x22);
  clock.advanceNs(99 * second);
  assert.equal(line.level, false);
  clock.advanceNs(1 * second);
  assert.equal(line.level, true);
  assert.equal(get(c) & 0xa0, 0xa0);
});

test('rtc alarms match anything where the guest does not care', () => {
  const { clock, line, get, set } = setUp();
  set(hoursAlarm, 0xff);
  set(minutesAlarm, 0xc0);
  set(secondsAlarm, 0x05);
  set(b, 0x22);
  for (let minute = 1; minute <= 3; minute++) {
    clock.advanceNs(60 * second);
    assert.equal(line.risingEdges, minute);
    get(c);
  }
});

test('rtc never reaches an alarm with an impossible time', () => {
  const { clock, line, set } = setUp();
  set(secondsAlarm, 0x99);
  set(b, 0x22);
  clock.advanceNs(200_000 * second);
  assert.equal(line.level, false);
});

test('rtc interrupts periodically at the chosen rate', () => {
  const { clock, line, get, set } = setUp();
  set(a, 0x26); // 1024 Hz
  set(b, 0x42);
  let interrupts = 0;
  for (let i = 0; i < 10_000; i++) {
    clock.advanceNs(100_000);
    if (line.level) {
      interrupts++;
      assert.equal(get(c) & 0xc0, 0xc0);
    }
  }
  assert.ok(interrupts >= 1020 && interrupts <= 1024, `${interrupts}`);
});

test('rtc keeps CMOS bytes through a reset, and masks interrupts', () => {
  const { rtc, get, set } = setUp();
  set(0x0f, 0x0a);
  set(b, 0x7a);
  rtc.reset();
  assert.equal(get(0x0f), 0x0a);
  assert.equal(get(0x38), 0x5a);
  assert.equal(get(b), 0x02);
});

test('rtc has memory sizes where firmware looks for them', () => {
  const mib = 1024 * 1024;
  const bytes = memorySizeCmos(3072 * mib, 1024 * mib);
  assert.equal(bytes[0x15]! | (bytes[0x16]! << 8), 640);
  assert.equal(bytes[0x17]! | (bytes[0x18]! << 8), 0xffff);
  assert.equal(bytes[0x34]! | (bytes[0x35]! << 8), (3072 - 16) * 16);
  assert.equal(bytes[0x5b]! | (bytes[0x5c]! << 8) | (bytes[0x5d]! << 16), 1024 * 16);
  assert.equal(memorySizeCmos(8 * mib, 0)[0x18]! << 8, 7 * 1024);
});

test('rtc survives a guest that writes anything', () => {
  const { clock, rtc } = setUp();
  for (let seed = 1; seed < 200; seed++) {
    hammer([{ target: rtc.ports, sizeBytes: 2 }], seed, 200);
    clock.skipNs(seed * 1e8);
  }
});

testSavedDevice({
  name: 'rtc',
  create: () => setUp().rtc,
  disturb: (device) => {
    const { set } = access(device as RtcMc146818);
    set(b, 0x82);
    set(year, 0x42);
    set(b, 0x72);
    set(0x40, 0x99);
  },
});
