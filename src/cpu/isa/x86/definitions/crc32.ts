/** CRC32 (SDM 2A): remainders by the polynomial 11EDC6F41H, bits reflected. */
import type { Val, WasmEmitter } from '../../index.ts';
import { layout } from '../layout.ts';
import { type Row, requires, row } from '../row.ts';
import type { Body } from '../target.ts';

const reflected = 0x82f63b78 | 0;
const tableCount = 8;
const tableBytes = 1024;

/** Table n has, for each byte, what it adds to the remainder when n bytes follow it. They lie at `layout.crcTables`. */
export function writeCrcTables(memory: Int32Array): void {
  const at = layout.crcTables >> 2;
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let i = 0; i < 8; i++) remainder = remainder & 1 ? (remainder >>> 1) ^ reflected : remainder >>> 1;
    memory[at + byte] = remainder;
  }
  for (let i = 256; i < tableCount * 256; i++) {
    const before = memory[at + i - 256] ?? 0;
    memory[at + i] = (before >>> 8) ^ (memory[at + (before & 0xff)] ?? 0);
  }
}

/** What the bytes of `data`, an i32, add to the remainder; `following` bytes come behind them. */
function remainderOf(e: WasmEmitter, data: Val, bytes: number, following: number): Val {
  const parts = Array.from({ length: bytes }, (_, i) => {
    const byte = e.op('i32.and', e.op('i32.shr_u', data, e.i32(8 * i)), e.i32(0xff));
    const table = layout.crcTables + tableBytes * (following + bytes - 1 - i);
    return e.loadMemory('i32.load', e.op('i32.shl', byte, e.i32(2)), table);
  });
  return parts.reduce((a, b) => e.op('i32.xor', a, b));
}

const crc =
  (sourceBits?: 8): Body =>
  (e, _x, w, before, data) => {
    const bits = sourceBits ?? w;
    const remainder = e.typeOf(before as Val) === 'i64' ? e.op('i32.wrap_i64', before as Val) : (before as Val);
    const extend = (value: Val): Val => (e.typeOf(before as Val) === 'i64' ? e.op('i64.extend_i32_u', value) : value);
    if (bits === 64) {
      const low = e.op('i32.xor', e.op('i32.wrap_i64', data as Val), remainder);
      const high = e.op('i32.wrap_i64', e.op('i64.shr_u', data as Val, e.i64(32n)));
      return extend(e.op('i32.xor', remainderOf(e, low, 4, 4), remainderOf(e, high, 4, 0)));
    }
    const found = remainderOf(e, e.op('i32.xor', remainder, data as Val), bits / 8, 0);
    return extend(bits === 32 ? found : e.op('i32.xor', found, e.op('i32.shr_u', remainder, e.i32(bits))));
  };

/** With REX.W the upper half of the destination is cleared, as it is without. */
export const crc32: readonly Row[] = requires('sse42', [
  row('F2 0F 38 F0', 'crc32', 'Gy+,Eb', crc(8)),
  row('F2 0F 38 F1', 'crc32', 'Gd+,Ev', crc()),
]);
