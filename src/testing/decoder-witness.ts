import {
  Decoder,
  type EffectiveAddress,
  type Instruction,
  modeKey,
  noRegister,
  ripBase,
  x86OpcodeMaps,
} from '../cpu/isa/x86/index.ts';
import { type Disassembled, type DisassemblerMode, disassemble } from './objdump.ts';
import { RandomCode } from './random-code.ts';
import { Random } from './witness/random.ts';

export const decoderModes: Readonly<Record<DisassemblerMode, number>> = {
  16: modeKey.code16,
  32: modeKey.code32 | modeKey.flat,
  64: modeKey.code64,
};

/** Instructions that objdump knows and this processor does not report: AVX, virtualization, SGX and so on. */
const absent = new RegExp(
  [
    '^(f\\w+pm|mov(nts[sd]|dir)|x(save|rstor|getbv|setbv|end|begin|abort|test|\\w*ldtrk)|v[a-z]|skinit|clgi|stgi',
    '|invlpga|invlpgb|tlbsync|invept|encl|pconfig|monitor|mwait|umonitor|umwait|tpause|rdpru|rdrand|rdseed|rdpid|rdpkru|wrpkru',
    '|serialize|clwb|clzero|cldemote|clflushopt|mcommit|senduipi|clui|stui|uiret|testui|rstorssp|saveprevssp|setssbsy|clrssbsy',
    '|incssp|wru?ss|rmp|psmash|pvalidate|tdcall|seam|ptwrite|hreset|wrmsrns|rdmsrlist|(rd|wr)[fg]sbase|umov|lkgs',
    '|loadiwkey|(aes|encode)\\w*(kl|key)\\w*)',
  ].join(''),
);
/** Encodings that only one side gives a meaning, by opcode or mnemonic. */
const departures: readonly { readonly why: string; readonly ours?: RegExp; readonly theirs?: RegExp }[] = [
  { why: 'Reserved NOPs and prefetches of any form are hints', ours: /^(hint|prefetchw)$/ },
  { why: 'Aliases of x87 instructions, undocumented but in every processor', ours: /^(f|fx)/ },
  { why: 'F2 and F3 before instructions that do not have them are ignored', ours: /^(bsf|bsr|wbinvd)$/ },
  { why: 'SALC is not in the manual but in every processor', ours: /^salc$/ },
  { why: 'Fences have any r/m', ours: /^(lfence|mfence|sfence)$/ },
  { why: 'Control, debug and segment registers that do not exist raise #UD', theirs: /^mov\b.*%(cr|db|dr|[c-gs]s|\?)/ },
  { why: 'SWAPGS is an instruction of 64-bit mode', theirs: /^swapgs$/ },
  {
    why: '0F AE and 0F D7 have no F2 or F3 forms',
    theirs: /^(fxsave|fxrstor|ldmxcsr|stmxcsr|pmovmskb|[lms]fence|clflush)/,
  },
];

const prefixWords =
  /^((repz|repnz|rep|lock|addr(16|32)|data(16|32)|rex(\.\w+)?|[c-gs]s|notrack|bnd|xacquire|xrelease) )*/;
export const withoutPrefixes = (text: string): string => text.replaceAll(/\s+/g, ' ').replace(prefixWords, '');

/** Instructions whose lengths objdump gives otherwise than processors: it parts FWAIT from its prefixes; UD0 and UD1 fault anyway. */
const incomparable = /^(fwait|ud0|ud1)$/;

/** A sentence about what differs, or undefined. */
export function difference(
  mode: DisassemblerMode,
  ours: Instruction | undefined,
  theirs: Disassembled,
): string | undefined {
  const text = withoutPrefixes(theirs.text);
  const isBad = text.includes('(bad)');
  if (!ours) return 'decoded as cut off';
  if (ours.variant === undefined) {
    const isKnown = isBad || absent.test(text) || departures.some((d) => d.theirs?.test(text));
    return isKnown || /\block\b/.test(theirs.text) ? undefined : `raises vector ${ours.fault}`;
  }
  const { name } = ours.variant.row;
  if (incomparable.test(name)) return undefined;
  if (isBad) return departures.some((d) => d.ours?.test(name)) ? undefined : `decoded as ${name}`;
  if (ours.length !== theirs.length) return `${name} has length ${ours.length}, not ${theirs.length}`;
  return name === 'hint' ? undefined : addressDifference(mode, ours.memory, text);
}

const registers = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
function registerName(number: number, bits: number): string {
  if (number === ripBase) return bits === 64 ? 'rip' : 'eip';
  if (number >= 8) return `r${number}${bits === 32 ? 'd' : ''}`;
  return `${bits === 64 ? 'r' : bits === 32 ? 'e' : ''}${registers[number]}`;
}

/** AT&T syntax: segment, displacement, base, index, factor. */
const operand = /(?:%([c-gs]s):)?(-?0x[0-9a-f]+)?\(([^()]*)\)/;
const segments = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

function addressDifference(
  mode: DisassemblerMode,
  memory: EffectiveAddress | undefined,
  text: string,
): string | undefined {
  const [shown, segmentName, displacement = '0', inside] = operand.exec(text) ?? [];
  // Absolute addresses and string operands are shown otherwise.
  if (shown === undefined || inside === undefined || memory === undefined) return undefined;
  // The index of a gather is a vector: the formatter's witness looks at it.
  const hasVectorIndex = /%[xy]mm/.test(inside);
  const [base = '', index = '', factor = '1'] = inside.split(',').map((part) => part.replace('%', ''));
  const bits = memory.addressBits;
  const expected = {
    base: memory.base === noRegister ? '' : registerName(memory.base, bits),
    index:
      memory.index === noRegister || (bits === 16 && memory.base === noRegister)
        ? ''
        : registerName(memory.index, bits),
    displacement: BigInt.asIntN(bits === 64 ? 64 : 32, BigInt(memory.displacement)),
  };
  const actual = {
    base,
    index: /^[re]iz$/.test(index) || hasVectorIndex ? '' : index,
    displacement: BigInt.asIntN(bits === 64 ? 64 : 32, hexNumber(displacement)),
  };
  const isScaled = expected.index !== '' && bits !== 16;
  const isSame =
    expected.base === actual.base &&
    expected.index === actual.index &&
    expected.displacement === actual.displacement &&
    (!isScaled || 1 << memory.scale === Number(factor)) &&
    (segmentName === undefined ||
      segmentName === segments[memory.segment] ||
      (mode === 64 && !/[fg]s/.test(segmentName)));
  return isSame ? undefined : `address ${JSON.stringify({ ...memory, displacement: String(memory.displacement) })}`;
}

const hexNumber = (text: string): bigint => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text));

/** Random instructions of a mode with what objdump says. */
export function drawDecoderCases(
  mode: DisassemblerMode,
  count: number,
  seed: number,
): { bytes: Uint8Array; theirs: Disassembled }[] {
  const code = new RandomCode(new Random(seed), x86OpcodeMaps, mode === 64);
  const pieces = Array.from({ length: count }, () => code.next());
  const listing = disassemble(mode, pieces);
  return pieces.map((bytes, i) => ({ bytes, theirs: listing[i] as Disassembled }));
}

const decoder = new Decoder(x86OpcodeMaps);

/** Differences between the decoder and what is known of these bytes, one line each. */
export function compareDecoder(
  mode: DisassemblerMode,
  cases: readonly { bytes: Uint8Array; theirs: Disassembled }[],
): string[] {
  return cases.flatMap(({ bytes, theirs }) => {
    const ours = decoder.decode(bytes, 0, bytes.length, decoderModes[mode]);
    const found = difference(mode, ours, theirs);
    const hex = Buffer.from(bytes).toString('hex');
    return found === undefined ? [] : [`${hex} ${found}; objdump: ${theirs.length} ${theirs.text}`];
  });
}
