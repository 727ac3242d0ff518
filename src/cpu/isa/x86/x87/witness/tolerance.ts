/** When an outcome of ours counts as the host's: bit for bit, but for transcendentals within one unit in the last place. */
import { decodeX87 } from '../index.ts';
import { caseBytes, caseOffset } from './cases.ts';

const transcendental: ReadonlySet<string> = new Set('f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos'.split(' '));

/** How often each transcendental was 0, 1 ulp away. */
export const approximate = new Map<string, number>();

/** Why the outcomes at `at` differ, or undefined when they agree. */
export function differs(cases: Uint8Array, expected: Uint8Array, actual: Uint8Array, at: number): string | undefined {
  const name = decodeX87(cases[at + caseOffset.opcode]!, cases[at + caseOffset.modrm]!)?.helper ?? '';
  const isApproximate = transcendental.has(name);
  const different: number[] = [];
  for (let i = 0; i < caseBytes; i++) if (expected[at + i] !== actual[at + i]) different.push(i);
  if (different.length === 0) {
    if (isApproximate) count(name, 0);
    return undefined;
  }
  if (!isApproximate) return `byte ${different[0]}`;
  // C1 says how a result was rounded, which says nothing where it may be one unit away.
  const exact = different
    .filter((i) => i < 28 || i >= 48)
    .filter((i) => !(i === 5 && ((expected[at + 5]! ^ actual[at + 5]!) & ~2) === 0));
  if (exact.length > 0) return `byte ${exact[0]}`;
  const distance = Math.max(distanceOf(expected, actual, at + 28), distanceOf(expected, actual, at + 38));
  count(name, distance);
  return distance <= 1 ? undefined : `${distance} ulp`;
}

function count(name: string, distance: number): void {
  const key = `${name} ${distance}`;
  approximate.set(key, (approximate.get(key) ?? 0) + 1);
}

/** Distance of two registers in representable values. */
function distanceOf(expected: Uint8Array, actual: Uint8Array, at: number): number {
  const value = (bytes: Uint8Array): bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 10);
    const signExponent = view.getUint16(8, true);
    const significand = view.getBigUint64(0, true);
    const exponent = signExponent & 0x7fff || 1;
    const magnitude = (BigInt(exponent) << 63n) + significand;
    return signExponent & 0x8000 ? -magnitude : magnitude;
  };
  const difference = value(expected) - value(actual);
  return Number(difference < 0n ? -difference : difference);
}
