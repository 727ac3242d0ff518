/** Packed decimal integers: 18 digits and a sign in ten bytes (SDM 1, 4.7). */
import { kind, kindOf } from './classify.ts';
import { fromInt64, roundMagnitude } from './convert.ts';
import { cell, exception, type Float80Unit } from './unit.ts';

const limit = 10n ** 18n;

/** Loads ten bytes into a cell. Digits above nine count at their face value, as on the hardware. */
export function fromDecimal(u: Float80Unit, at: number, bytes: Uint8Array): void {
  let value = 0n;
  for (let i = 8; i >= 0; i--) value = value * 100n + BigInt((bytes[i]! >> 4) * 10 + (bytes[i]! & 15));
  fromInt64(u, at, Number(value >> 32n) | 0, Number(value & 0xffffffffn) | 0);
  if ((bytes[9]! & 0x80) !== 0) u.words[at + 2]! |= 0x8000;
}

/** Rounds A into ten bytes; false when an unmasked exception keeps it from being stored. */
export function toDecimal(u: Float80Unit, bytes: Uint8Array): boolean {
  const w = u.words;
  const signExponent = w[cell.a + 2]!;
  const exponent = signExponent & 0x7fff;
  if (kindOf(u, cell.a) > kind.normal || exponent > 16383 + 60) return indefinite(u, bytes);
  const decision = roundMagnitude(u, exponent);
  let value = (BigInt(w[cell.q + 1]! >>> 0) << 32n) | BigInt(w[cell.q]! >>> 0);
  if (value >= limit) return indefinite(u, bytes);
  for (let i = 0; i < 9; i++) {
    const pair = Number(value % 100n);
    bytes[i] = (Math.floor(pair / 10) << 4) | (pair % 10);
    value /= 100n;
  }
  bytes[9] = (signExponent & 0x8000) >> 8;
  if (decision !== 0) {
    u.raised |= exception.PE;
    u.roundedUp = decision >> 1;
  }
  return true;
}

function indefinite(u: Float80Unit, bytes: Uint8Array): boolean {
  u.raised |= exception.IE;
  bytes.fill(0, 0, 10);
  bytes[7] = 0xc0;
  bytes[8] = 0xff;
  bytes[9] = 0xff;
  return (u.control & exception.IE) !== 0;
}
