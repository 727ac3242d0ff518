/** The log of a privileged program (fixtures/privileged/source/kit.inc) as text: one line for each record. */

const kind = { name: 0x4e, noFault: 0x4f, value: 0x56, fault: 0x46 } as const;

const exceptionNames: Readonly<Record<number, string>> = {
  0: '#DE',
  1: '#DB',
  2: 'NMI',
  3: '#BP',
  4: '#OF',
  5: '#BR',
  6: '#UD',
  7: '#NM',
  8: '#DF',
  10: '#TS',
  11: '#NP',
  12: '#SS',
  13: '#GP',
  14: '#PF',
  16: '#MF',
  17: '#AC',
  18: '#MC',
  19: '#XM',
};
const withErrorCode = new Set([8, 10, 11, 12, 13, 14, 17]);
const nearBytes = 0x1000n;

/** Throws RangeError when the text is no log. */
export function describeLog(hex: string): string[] {
  const words = parseWords(hex);
  const lines: string[] = [];
  for (let at = 0; at < words.length; ) {
    const header = words[at] ?? 0;
    const count = (header >>> 16) & 0xff;
    const payload = words.slice(at + 1, at + 1 + count);
    if (payload.length < count) throw new RangeError(`Cannot read a log: word ${at} announces ${count} words`);
    lines.push(describeRecord(header >>> 24, header & 0xffff, payload, at));
    at += 1 + count;
  }
  return lines;
}

function parseWords(hex: string): number[] {
  const text = hex.trim();
  if (!/^([0-9a-f]{8})*$/.test(text))
    throw new RangeError(`Cannot read a log: "${text.slice(0, 80)}" is not hex words`);
  const bytes = Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

function describeRecord(type: number, n: number, payload: readonly number[], at: number): string {
  switch (type) {
    case kind.name:
      return describeName(n, payload);
    case kind.noFault:
      return '  no fault';
    case kind.value:
      return `  ${digits(joined(payload), payload.length * 8)}`;
    case kind.fault:
      return `  ${payload.length === 8 ? describeFault32(n, payload) : describeFault64(n, payload)}`;
    default:
      throw new RangeError(`Cannot read a log: word ${at} has the unknown kind 0x${type.toString(16)}`);
  }
}

function describeName(length: number, payload: readonly number[]): string {
  const bytes = new Uint8Array(Uint32Array.from(payload).buffer, 0, length);
  return new TextDecoder().decode(bytes);
}

const digits = (value: bigint | number, width: number): string => value.toString(16).padStart(width, '0');
const joined = (words: readonly number[]): bigint => words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);

function describeFault32(vector: number, payload: readonly number[]): string {
  const [code = 0, cr2 = 0, ip = 0, cs = 0, flags = 0, sp = 0, ss = 0, ax = 0] = payload;
  return describeFault(
    { vector, code, cr2: BigInt(cr2), ip: BigInt(ip), cs, flags, sp: BigInt(sp), ss, ax: BigInt(ax) },
    8,
  );
}

function describeFault64(vector: number, payload: readonly number[]): string {
  const [code = 0, , , , , cs = 0, flags = 0, , , ss = 0] = payload;
  const pair = (index: number): bigint => joined(payload.slice(index, index + 2));
  return describeFault({ vector, code, cr2: pair(1), ip: pair(3), cs, flags, sp: pair(7), ss, ax: pair(10) }, 16);
}

interface LoggedFault {
  readonly vector: number;
  readonly code: number;
  readonly cr2: bigint;
  readonly ip: bigint;
  readonly cs: number;
  readonly flags: number;
  readonly sp: bigint;
  readonly ss: number;
  readonly ax: bigint;
}

function describeFault({ vector, code, cr2, ip, cs, flags, sp, ss, ax }: LoggedFault, width: number): string {
  const name = exceptionNames[vector] ?? `int 0x${vector.toString(16)}`;
  const place = ip < nearBytes ? `+${ip.toString(16)}` : digits(ip, width);
  return [
    withErrorCode.has(vector) || code !== 0 ? `${name}(0x${code.toString(16)})` : name,
    ...(vector === 14 ? [`cr2 ${digits(cr2, width)}`] : []),
    `at ${digits(cs, 4)}:${place}`,
    `flags ${digits(flags, 8)}`,
    `stack ${digits(ss, 4)}:${digits(sp, width)}`,
    `ax ${digits(ax, width)}`,
  ].join(' ');
}
