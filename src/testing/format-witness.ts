/**
 * Our text of instructions beside objdump's in Intel syntax. Both are brought to one form first; `departures` lists what
 * differs by style, and is all that may.
 */
import { Decoder, formatInstruction, type Variant, x86OpcodeMaps } from '../cpu/isa/x86/index.ts';
import { decoderModes, difference, withoutPrefixes } from './decoder-witness.ts';
import { addressOfPiece, type Disassembled, type DisassemblerMode, disassemble } from './objdump.ts';
import { RandomCode } from './random-code.ts';
import { Random } from './witness/random.ts';

type Departure = readonly [why: string, pattern: RegExp, replacement: string];

/** Of objdump's style, applied to its text in this order. */
const departures: readonly Departure[] = [
  ['the target of a RIP-relative address is a comment', /\s+# 0x[0-9a-f]+.*$/, ''],
  ['sizes are followed by PTR', /\b(byte|word|dword|fword|qword|tbyte|xmmword|ymmword|oword) ptr /g, '$1 '],
  ['16 bytes are an octuple word', /\boword /g, 'xmmword '],
  ['an absolute address is written after its segment', /\b([c-gs]s):(0x[0-9a-f]+)/g, '$1:[$2]'],
  ['the default segment is shown when there is a prefix for it', /\b[ds]s:\[/g, '['],
  ['an index of factor 1 may stand alone', /\*1\b/g, ''],
  ['the top of the x87 stack has a short name', /\bst(?!\()\b/g, 'st(0)'],
  ['moves of 64-bit constants and offsets have a name of their own', /^movabs/, 'mov'],
  ['sizes that are not the default are suffixes', /^(call|jmp|ret|retf|push|pop|enter|leave)[wdq]\b/, '$1'],
  ['and so for system instructions', /^([ls][gi]dt|fnsave|frstor|fldenv|fnstenv|sysexit|sysret)[wdq]\b/, '$1'],
  ['REPE and REPNE have two names', /^repnz /, 'repne '],
  ['REPE and REPNE have two names', /^repz /, 'rep '],
  ['far jumps are not called so', /^(call|jmp) (0x[0-9a-f]+:)/, '$1 far $2'],
  ['XLAT has its implied operand', /^xlat .*$/, 'xlat'],
  ['segment registers are loaded from wide ones', /^mov ([c-gs]s),[er]([a-d]x|[sd]i|[sb]p)$/, 'mov $1,$2'],
  ['segment registers are loaded from wide ones', /^mov ([c-gs]s),(r\d+)d?$/, 'mov $1,$2w'],
  ['LAR and LSL read a register of 32 bits', /^(la|ls)([rl]) (r\w+),r([a-ds].)$/, '$1$2 $3,e$4'],
  ['LAR and LSL read a register of 32 bits', /^(la|ls)([rl]) (r\w+),(r\d+)$/, '$1$2 $3,$4d'],
  [
    'REX.W is shown though bits 63-32 are zero anyway',
    /^(v?p?movmsk\w+|v?pextr[bw]|v?extractps) r([a-ds].),/,
    '$1 e$2,',
  ],
  ['REX.W is shown though bits 63-32 are zero anyway', /^(v?p?movmsk\w+|v?pextr[bw]|v?extractps) (r\d+),/, '$1 $2d,'],
  ['REX.W is shown where lengths are in registers', /^(v?pcmpestr[im])q\b/, '$1'],
  [
    'the destination of a scalar move of registers goes by a bit that means nothing',
    /^(vmovs[sd]) ymm(\d+),/,
    '$1 xmm$2,',
  ],
  ['an operand size prefix is taken for another mandatory one', /^movdq2q xmm(\d),/, 'movdq2q mm$1,'],
];

/** Of ours. */
const ownDepartures: readonly Departure[] = [
  ['far jumps to memory are called so', /^(call|jmp) far (?=[a-z[])/, '$1 '],
  ['REX.W makes far pointers wider', /^((call|jmp|l[fgs]s) .*)\btbyte /, '$1fword '],
  ['LDDQU has no size', /^(v?lddqu .*)[xy]mmword /, '$1'],
  ['the factor of an index is always shown', /\*1\b/g, ''],
];

/** What the default operand size is called. */
const defaultSuffixes: Readonly<Record<DisassemblerMode, Readonly<Record<string, string>>>> = {
  16: {},
  32: { iret: 'd', pushf: 'd', popf: 'd', pusha: 'd', popa: 'd' },
  64: { iret: 'd', pushf: 'q', popf: 'q' },
};

function withSuffix(text: string, mode: DisassemblerMode): string {
  const [, name = '', suffix] = /^(iret|pushf|popf|pusha|popa)([wdq]?)$/.exec(text) ?? [];
  if (suffix === undefined) return text;
  return suffix === 'w' ? name : `${name}${suffix || (defaultSuffixes[mode][name] ?? '')}`;
}

/** Comparisons of vectors have their predicate in the mnemonic. */
const predicates = (
  'eq lt le unord neq nlt nle ord eq_uq nge ngt false neq_oq ge gt true ' +
  'eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us'
).split(' ');

function oursInOneForm(text: string, { row }: Variant): string {
  let found = text;
  for (const [, pattern, replacement] of ownDepartures) found = found.replace(pattern, replacement);
  // A move at a direct offset has its size from the accumulator.
  if (/O/.test(row.operands)) found = found.replace(/\b(byte|word|dword|qword) /, '');
  return inOneForm(found);
}

const prefixedString =
  /(?:^|\s)(rep|repz|repnz) (?=(?:rex\S* |data\d+ |addr\d+ |[c-gs]s )*(?:movs|cmps|stos|lods|scas|ins|outs) )/;

function theirsInOneForm(text: string, mode: DisassemblerMode, { row, shape }: Variant): string {
  const lower = text.toLowerCase().replaceAll(/\s+/g, ' ').trim();
  const [, repeat] = prefixedString.exec(lower) ?? [];
  let found = `${repeat === undefined ? '' : `${repeat} `}${withoutPrefixes(lower)}`;
  for (const [, pattern, replacement] of departures) found = found.replace(pattern, replacement);
  // Its instruction pointer of 16 bits does not wrap.
  if (/J/.test(row.operands) && shape.width === 16 && mode !== 64) {
    found = found.replace(/0x[0-9a-f]+$/, (target) => `0x${(Number(target) & 0xffff).toString(16)}`);
  }
  return inOneForm(withStringName(withHalves(withPredicate(withoutNoIndex(withSuffix(found, mode))))));
}

/** "No index" has a name, and an address without a base is signed beside it. */
function withoutNoIndex(text: string): string {
  const absolute = (size: number) => (_all: string, sign: string, digits: string) =>
    `[0x${BigInt.asUintN(size, BigInt(`0x${digits}`) * (sign === '-' ? -1n : 1n)).toString(16)}]`;
  return text
    .replace(/\[eiz(?:\*\d)?([+-])0x([0-9a-f]+)\]/, absolute(32))
    .replace(/\[riz(?:\*\d)?([+-])0x([0-9a-f]+)\]/, absolute(64))
    .replace(/\+[re]iz(\*\d)?/, '');
}

function withPredicate(text: string): string {
  const [, v, name = '', kind, rest] = /^(v?)cmp([a-z_]+)(ps|pd|ss|sd) (.*)$/.exec(text) ?? [];
  const predicate = predicates.indexOf(name);
  return predicate < 0 ? text : `${v}cmp${kind} ${rest},0x${predicate.toString(16)}`;
}

/** Carry-less multiplications have the halves that they take in the mnemonic. */
function withHalves(text: string): string {
  const [, v, a, b, rest] = /^(v?)pclmul([lh])q([lh])qdq (.*)$/.exec(text) ?? [];
  return a === undefined ? text : `${v}pclmulqdq ${rest},0x${b === 'h' ? '1' : ''}${a === 'h' ? '1' : '0'}`;
}

const stringName = /^(rep |repne |)(movs|cmps|stos|lods|scas|ins|outs) .*?\b(byte|word|dword|qword) .*$/;
const letters: Readonly<Record<string, string>> = { byte: 'b', word: 'w', dword: 'd', qword: 'q' };

/** String instructions are shown with their implied operands. */
function withStringName(text: string): string {
  const [, repeat = '', name, size = ''] = stringName.exec(text) ?? [];
  if (name === undefined) return text;
  const [, source] = /\b([fg]s):\[/.exec(text) ?? [];
  return `${repeat}${source ? `${source} ` : ''}${name}${letters[size]}`;
}

/** Displacements are signed, of 32 bits; one of zero is not shown. */
function inOneForm(text: string): string {
  return text.replaceAll(/, /g, ',').replaceAll(/([+-])0x([0-9a-f]+)\]/g, (_all, sign: string, digits: string) => {
    const value = BigInt(`0x${digits}`) * (sign === '-' ? -1n : 1n);
    const distance = BigInt.asIntN(32, value);
    return distance === 0n
      ? ']'
      : `${distance < 0n ? '-' : '+'}0x${(distance < 0n ? -distance : distance).toString(16)}]`;
  });
}

const number = /-?0x[0-9a-f]+/g;
const isSameNumber = (a: string, b: string): boolean => {
  const value = a.startsWith('-') ? -BigInt(a.slice(1)) : BigInt(a);
  const expected = BigInt.asUintN(64, b.startsWith('-') ? -BigInt(b.slice(1)) : BigInt(b));
  if (value >= 0n) return value === expected;
  return [8, 16, 32, 64].some(
    (bits) => BigInt.asIntN(bits, value) === value && BigInt.asUintN(bits, value) === expected,
  );
};

/** Negative numbers of ours are those of any size of theirs. */
function isSameText(a: string, b: string): boolean {
  if (a.replaceAll(number, '#') !== b.replaceAll(number, '#')) return false;
  const expected = b.match(number) ?? [];
  return (a.match(number) ?? []).every((text, i) => isSameNumber(text, expected[i] ?? ''));
}

/** Rows that objdump shows as other instructions, or with what is not there, and why. */
const incomparable: readonly (readonly [why: string, names: RegExp])[] = [
  ['hints are shown as what newer processors make of them', /^(hint|prefetchw|nop|wbinvd|bsf|bsr)$/],
  ['what always faults has no operands', /^ud[012]$/],
  ['FWAIT is parted from its prefixes', /^fwait$/],
  ['instructions of the 8087 do nothing, and are shown', /^fnoOperation$/],
];

/** objdump heeds an operand size prefix before REX.W in MOVSXD and far pointers (SDM 2A, 2.2.1.2: it is ignored). */
const heedsBoth = /66.*4[89a-f](63|0fb[245]|ff)/;

const decoder = new Decoder(x86OpcodeMaps);

/** Differences in the texts of random instructions, one line each, and how many were compared. */
export function compareFormatter(
  mode: DisassemblerMode,
  count: number,
  seed: number,
): { differences: string[]; compared: number } {
  const code = new RandomCode(new Random(seed), x86OpcodeMaps, mode === 64);
  const pieces = Array.from({ length: count }, () => code.next());
  const lengths = disassemble(mode, pieces);
  const listing = disassemble(mode, pieces, 'intel');
  const differences: string[] = [];
  let compared = 0;
  for (const [i, bytes] of pieces.entries()) {
    const decoded = decoder.decode(bytes, 0, bytes.length, decoderModes[mode]);
    const { variant } = decoded ?? {};
    const { name } = variant?.row ?? {};
    if (!decoded || !variant || name === undefined || incomparable.some(([, names]) => names.test(name))) continue;
    const witness = listing[i] as Disassembled;
    // What the decoder's own witness looks at is none of ours.
    if (witness.text.includes('(bad)') || decoded.length !== witness.length) continue;
    if (difference(mode, decoded, lengths[i] as Disassembled) !== undefined) continue;
    const shown = Buffer.from(bytes.subarray(0, decoded.length)).toString('hex');
    if (mode === 64 && heedsBoth.test(shown)) continue;
    const a = oursInOneForm(formatInstruction(decoded, BigInt(addressOfPiece(i))), variant);
    const b = theirsInOneForm(witness.text, mode, variant);
    compared++;
    if (!isSameText(a, b)) differences.push(`${name} ${shown}: "${a}", objdump: "${b}" ("${witness.text}")`);
  }
  return { differences, compared };
}
