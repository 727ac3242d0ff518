import { departures } from './departures.ts';

const withBits = (hex: string, bits: number): string => (Number.parseInt(hex, 16) | bits).toString(16);

/** What QEMU gets wrong in every program: a line of the record, as the manual has it. */
const rules: readonly { readonly section: string; readonly reason: string; apply(line: string): string }[] = [
  {
    section: 'SDM 3B, 18.3.1.1',
    reason: 'faults push RF = 1, so that an instruction breakpoint does not strike twice',
    apply: (line) =>
      line.replace(
        /^( {2}#(?:DE|BR|UD|NM|TS|NP|SS|GP|PF|MF|AC|XM)\b.* flags )([0-9a-f]{8})/,
        (_, before, flags) => before + withBits(flags, 0x10000).padStart(8, '0'),
      ),
  },
  {
    section: 'SDM 3A, 4.7',
    reason: 'a reserved bit is looked for in present entries only: the error code has the present bit too',
    apply: (line) =>
      line.replace(/^( {2}#PF\(0x)([0-9a-f]+)/, (whole, before, code) =>
        Number.parseInt(code, 16) & 8 ? before + withBits(code, 1) : whole,
      ),
  },
];

/** A program's recorded log as the manual has it. Throws RangeError when a departure does not fit the record. */
export function expectedLog(program: string, record: readonly string[]): string[] {
  const lines = record.map((line) => rules.reduce((changed, rule) => rule.apply(changed), line));
  const pieces: string[][] = lines.map((line) => [line]);
  for (const departure of departures.filter((d) => d.program === program)) {
    const start = lines.indexOf(departure.case) + 1;
    for (const [number, qemu, manual] of departure.lines) {
      if (start === 0 || lines[start + number] !== `  ${qemu}`) {
        const where = `line ${number} of "${departure.case}" in ${program}`;
        throw new RangeError(`Cannot apply a departure to ${where}: QEMU says "${lines[start + number]?.trim()}"`);
      }
      pieces[start + number] = [manual].flat().map((text) => `  ${text}`);
    }
  }
  return pieces.flat();
}
