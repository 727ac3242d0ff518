// Time of day as an MC146818 keeps it: register bytes from and to seconds since 1970 (UTC).

import { registerB } from './rtc-registers.ts';

/** Offsets of the time registers; `century` is where PC chipsets and the FADT put it. */
export const timeRegister = {
  seconds: 0x00,
  secondsAlarm: 0x01,
  minutes: 0x02,
  minutesAlarm: 0x03,
  hours: 0x04,
  hoursAlarm: 0x05,
  dayOfWeek: 0x06,
  dayOfMonth: 0x07,
  month: 0x08,
  year: 0x09,
  century: 0x32,
} as const;

const pm = 0x80;
/** Alarm bytes with these bits set match anything (data sheet, "Time, calendar and alarm locations"). */
const anyValue = 0xc0;
const secondsPerDay = 86_400;

const encode = (value: number, format: number): number =>
  format & registerB.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
const decode = (byte: number, format: number): number =>
  format & registerB.binary ? byte : (byte >> 4) * 10 + (byte & 15);

function encodeHour(hour: number, format: number): number {
  if (format & registerB.hours24) return encode(hour, format);
  return encode(hour % 12 || 12, format) | (hour >= 12 ? pm : 0);
}

function decodeHour(byte: number, format: number): number {
  if (format & registerB.hours24) return decode(byte, format);
  return (decode(byte & ~pm, format) % 12) + (byte & pm ? 12 : 0);
}

/** Writes a time into the registers, in the format that register B selects. */
export function storeTime(registers: Uint8Array, second: number, format: number): void {
  const date = new Date(second * 1000);
  registers[timeRegister.seconds] = encode(date.getUTCSeconds(), format);
  registers[timeRegister.minutes] = encode(date.getUTCMinutes(), format);
  registers[timeRegister.hours] = encodeHour(date.getUTCHours(), format);
  registers[timeRegister.dayOfWeek] = encode(date.getUTCDay() + 1, format);
  registers[timeRegister.dayOfMonth] = encode(date.getUTCDate(), format);
  registers[timeRegister.month] = encode(date.getUTCMonth() + 1, format);
  registers[timeRegister.year] = encode(date.getUTCFullYear() % 100, format);
  registers[timeRegister.century] = encode(Math.floor(date.getUTCFullYear() / 100) % 100, format);
}

/** The time that the registers say. Impossible dates roll over (31 February is in March); the day of week is not read. */
export function loadTime(registers: Uint8Array, format: number): number {
  const field = (register: number) => decode(registers[register] ?? 0, format);
  const date = new Date(0);
  const year = field(timeRegister.century) * 100 + field(timeRegister.year);
  date.setUTCFullYear(year, field(timeRegister.month) - 1, field(timeRegister.dayOfMonth));
  const hour = decodeHour(registers[timeRegister.hours] ?? 0, format);
  date.setUTCHours(hour, field(timeRegister.minutes), field(timeRegister.seconds));
  return date.getTime() / 1000;
}

/** The first second after `after` at which the alarm matches, if there is one. */
export function nextAlarm(registers: Uint8Array, format: number, after: number): number | undefined {
  const wanted = (register: number, read: (byte: number, format: number) => number) => {
    const byte = registers[register] ?? 0;
    return (byte & anyValue) === anyValue ? undefined : read(byte, format);
  };
  const second = wanted(timeRegister.secondsAlarm, decode);
  const minute = wanted(timeRegister.minutesAlarm, decode);
  const hour = wanted(timeRegister.hoursAlarm, decodeHour);
  let candidate = after + 1;
  const end = candidate + secondsPerDay;
  // Each step leaves an hour, a minute or a second that does not match: at most about 150 steps.
  while (candidate < end) {
    if (hour !== undefined && Math.floor(candidate / 3600) % 24 !== hour) candidate += 3600 - (candidate % 3600);
    else if (minute !== undefined && Math.floor(candidate / 60) % 60 !== minute) candidate += 60 - (candidate % 60);
    else if (second !== undefined && candidate % 60 !== second) candidate++;
    else return candidate;
  }
  return undefined;
}
