/**
 * What instructions do to flags and to registers that their operands do not name, by row name. Kept by hand and apart from the
 * definitions on purpose: the witness must not believe what it tests. Sources: SDM 1, appendix A (EFLAGS
 * cross-reference), and the instruction pages of SDM 2.
 */
const CF = 1;
const PF = 4;
const AF = 0x10;
const ZF = 0x40;
const SF = 0x80;
const OF = 0x800;
export const arithmeticFlags = CF | PF | AF | ZF | SF | OF;

export interface FlagEffects {
  readonly reads: number;
  /** Defined or not. */
  readonly writes: number;
  readonly undefined: number;
  /** `count`: nothing changes when the shift count is zero. `repeat`: nor when a repetition does nothing. */
  readonly unless?: 'count' | 'repeat';
}

const none: FlagEffects = { reads: 0, writes: 0, undefined: 0 };
const sets = (writes: number, undefinedFlags = 0, reads = 0): FlagEffects => ({
  reads,
  writes,
  undefined: undefinedFlags,
});
const all = arithmeticFlags;

const conditionReads: Readonly<Record<string, number>> = {
  o: OF,
  no: OF,
  b: CF,
  ae: CF,
  e: ZF,
  ne: ZF,
  be: CF | ZF,
  a: CF | ZF,
  s: SF,
  ns: SF,
  p: PF,
  np: PF,
  l: SF | OF,
  ge: SF | OF,
  le: SF | OF | ZF,
  g: SF | OF | ZF,
};

const table: Readonly<Record<string, FlagEffects>> = {
  ...named('add sub cmp neg xadd cmpxchg', sets(all)),
  ...named('adc sbb', sets(all, 0, CF)),
  ...named('and or xor test', sets(all, AF)),
  ...named('inc dec', sets(all & ~CF)),
  ...named('mul imul imul3', sets(all, SF | ZF | AF | PF)),
  ...named('div idiv', sets(all, all)),
  ...named('aam aad', sets(all, OF | AF | CF)),
  ...named('aaa aas', sets(all, OF | SF | ZF | PF, AF)),
  ...named('daa das', sets(all, OF, AF | CF)),
  ...named('bsf bsr', sets(all, all & ~ZF)),
  ...named('bt bts btr btc', sets(all & ~ZF, OF | SF | AF | PF)),
  ...named('cmc', sets(CF, 0, CF)),
  ...named('clc stc', sets(CF)),
  ...named('cmpxchg8b cmpxchg16b arpl lar lsl verr verw', sets(ZF)),
  ...named('sahf', sets(CF | PF | AF | ZF | SF)),
  ...named('lahf', sets(0, 0, CF | PF | AF | ZF | SF)),
  ...named('popf', sets(all)),
  ...named('pushf', sets(0, 0, all)),
  ...named('salc', sets(0, 0, CF)),
  ...named('into', sets(0, 0, OF)),
  ...named('loope loopne', sets(0, 0, ZF)),
  ...named('popcnt pcmpestri pcmpestrm pcmpistri pcmpistrm rdrand rdseed', sets(all)),
  ...named('andn', sets(all, AF | PF)),
  ...named('bextr', sets(all, AF | SF | PF)),
  ...named('blsi blsr blsmsk bzhi', sets(all, AF | PF)),
  ...named('tzcnt', sets(all, OF | SF | PF | AF)),
  ...named('adcx', sets(CF, 0, CF)),
  ...named('adox', sets(OF, 0, OF)),
  ...named('lzcnt', sets(all, OF | SF | PF | AF)),
  ...named('comiss comisd ucomiss ucomisd ptest vtestps vtestpd', sets(all)),
};

function named(names: string, effects: FlagEffects): Record<string, FlagEffects> {
  return Object.fromEntries(names.split(' ').map((name) => [name, effects]));
}

/** `count` is the masked shift count, undefined when it is not known; `bits` the operand size. */
export function flagEffects(name: string, bits: number, count: number | undefined): FlagEffects {
  const known = table[name] ?? table[name.replace(/^v/, '')];
  if (known) return known;
  const condition = conditionReads[name.replace(/^(set|cmov|j)/, '')];
  if (condition !== undefined && /^(set|cmov|j)/.test(name)) return sets(0, 0, condition);
  if (/^(rol|ror|rcl|rcr)$/.test(name)) {
    const reads = name.startsWith('rc') ? CF : 0;
    return { ...sets(CF | OF, count === 1 ? 0 : OF, reads), unless: 'count' };
  }
  if (/^(shl|shr|sar)$/.test(name)) {
    const lost = name !== 'sar' && (count === undefined || count >= bits) ? CF : 0;
    return { ...sets(all, AF | lost | (count === 1 ? 0 : OF)), unless: 'count' };
  }
  if (/^sh[lr]d$/.test(name)) {
    const isBeyond = count === undefined ? bits === 16 : count > bits;
    return { ...sets(all, isBeyond ? all : AF | (count === 1 ? 0 : OF)), unless: 'count' };
  }
  if (name === 'cmps' || name === 'scas') return { ...sets(all), unless: 'repeat' };
  return none;
}

const [A, C, D, B, SP, BP, SI, DI] = [0, 1, 2, 3, 4, 5, 6, 7];

export interface ImplicitRegisters {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

const implicit: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
  mul: [[A], [A, D]],
  div: [
    [A, D],
    [A, D],
  ],
  idiv: [
    [A, D],
    [A, D],
  ],
  cbw: [[A], [A]],
  cwd: [[A], [D]],
  cmpxchg: [[A], [A]],
  cmpxchg8b: [
    [A, B, C, D],
    [A, D],
  ],
  lahf: [[A], [A]],
  sahf: [[A], []],
  salc: [[A], [A]],
  xlat: [[A, B], [A]],
  aaa: [[A], [A]],
  aas: [[A], [A]],
  daa: [[A], [A]],
  das: [[A], [A]],
  aam: [[A], [A]],
  aad: [[A], [A]],
  movs: [
    [SI, DI],
    [SI, DI, C],
  ],
  cmps: [
    [SI, DI],
    [SI, DI, C],
  ],
  stos: [
    [A, DI],
    [DI, C],
  ],
  lods: [[SI], [A, SI, C]],
  scas: [
    [A, DI],
    [DI, C],
  ],
  loop: [[C], [C]],
  loope: [[C], [C]],
  loopne: [[C], [C]],
  jcxz: [[C], []],
  mulx: [[D], []],
  pcmpestri: [[A, D], [C]],
  pcmpestrm: [[A, D], []],
  pcmpistri: [[], [C]],
  leave: [[BP], [SP, BP]],
  enter: [
    [BP, SP],
    [SP, BP],
  ],
  pusha: [[A, C, D, B, SP, BP, SI, DI], [SP]],
  popa: [[SP], [A, C, D, B, SP, BP, SI, DI]],
  maskmovq: [[DI], []],
  maskmovdqu: [[DI], []],
};

/** IMUL has forms with and without implied registers. */
export function implicitRegisters(name: string, operands: string): ImplicitRegisters {
  const key = name === 'imul' && !operands.includes(',') ? 'mul' : name;
  const [reads, writes] = implicit[key] ?? implicit[key.replace(/^v/, '')] ?? [[], []];
  return { reads, writes };
}
