/** System instructions, strings and port I/O: thin rows over the helpers of `system` (SDM 2, by mnemonic). */
import type { Val } from '../../index.ts';
import { attention, layout, segment } from '../layout.ts';
import { hex, type Row, type RowOptions, requires, row } from '../row.ts';
import type { Body } from '../target.ts';

const ends = { ends: true } as const;
const vectorUndefinedOpcode = 6;
const vectorGeneralProtection = 13;

/** Calls a helper with the row's operands; execution goes on behind it. */
const call =
  (name: string): Body =>
  (_e, x, _w, ...operands) =>
    void x.helper(name, ...operands);

/** The same for helpers that may change modes, control flow or interrupts. */
const finish =
  (name: string): Body =>
  (_e, x, _w, ...operands) =>
    x.helperEnds(name, ...operands);

/** A helper whose argument is the linear address of its memory operand, with the operand size in bytes. */
const onMemory =
  (name: string, ending: boolean): Body =>
  (e, x, w, linear, ...rest) => {
    x.setHelperArgument(linear);
    if (ending) x.helperEnds(name, e.i32(w / 8), ...rest);
    else x.helper(name, e.i32(w / 8), ...rest);
  };

const [rax, rcx, rdx] = [0, 1, 2];

/** Other registers stay where they are: C libraries read clocks this way (clock row of the bench). */
const readCounter: Body = (e, x) => {
  x.unitHelper('rdtsc');
  const counts = x.helperResult();
  x.setRegister(64, rax, e.op('i64.and', counts, e.i64(0xffffffffn)));
  x.setRegister(64, rdx, e.op('i64.shr_u', counts, e.i64(32n)));
};

const readCounterAndAux: Body = (e, x, w) => {
  readCounter(e, x, w);
  x.setRegister(64, rcx, e.op('i64.and', x.helperResult(1), e.i64(0xffffffffn)));
};

/** They run in chunks: a helper that has more to do leaves RIP at the instruction. */
const portStrings: readonly Row[] = [
  [0x6c, 'ins'],
  [0x6e, 'outs'],
].flatMap(([opcode, name]): Row[] => {
  const body: Body = (e, x, w, form) => x.helperEnds(`${name}String`, e.i32(w / 8), form);
  const wide: Body = (e, x, w, form) => {
    x.helperEnds(`${name}String`, e.i32(Math.min(w, 32) / 8), form);
  };
  return [
    row(hex(opcode as number), name as string, '', body, { repeats: true, ends: true, width: 8 }),
    row(hex((opcode as number) + 1), name as string, '', wide, { repeats: true, ends: true }),
  ];
});

const portBytes = (w: number): number => Math.min(w, 32) / 8;
const input: Body = (e, x, w, port) => {
  const value = x.helper('portIn', port, e.i32(portBytes(w)));
  x.setRegister(w === 64 ? 32 : w, 0, value);
  x.fallThrough();
};
const output: Body = (e, x, w, port) =>
  x.helperEnds('portOut', port, e.i32(portBytes(w)), x.register(w === 64 ? 32 : w, 0));
const throughDx =
  (body: Body): Body =>
  (e, x, w) =>
    body(e, x, w, x.register(16, 2));

const ports: readonly Row[] = [
  row('E4', 'in', 'Ib', input, { ...ends, width: 8 }),
  row('E5', 'in', 'Ib', input, ends),
  row('E6', 'out', 'Ib', output, { ...ends, width: 8 }),
  row('E7', 'out', 'Ib', output, ends),
  row('EC', 'in', '', throughDx(input), { ...ends, width: 8 }),
  row('ED', 'in', '', throughDx(input), ends),
  row('EE', 'out', '', throughDx(output), { ...ends, width: 8 }),
  row('EF', 'out', '', throughDx(output), ends),
];

/** Stores a 16-bit system register; a register destination is zero-extended to the operand size. */
const storeWord =
  (name: string): Body =>
  (e, x, w) => {
    const value = x.helper(name);
    return w === 64 ? e.zeroExtend(32, 64, value) : e.truncate(32, w, value);
  };

const storeRows = (opcode: string, name: string): Row[] => [
  row(opcode, name, 'Rv=', storeWord(name)),
  row(opcode, name, 'Mw=', storeWord(name)),
];

/** A privileged helper with a 16-bit operand, which programs cannot even read. */
const privilegedWord = (opcode: string, name: string, options: RowOptions = {}): Row[] => {
  const run = options.ends ? finish(name) : call(name);
  return [
    row(opcode, name, 'Rw', run, options),
    row(
      opcode,
      name,
      'Nw',
      (e, x, w, linear) => {
        e.when(x.state('i32', layout.cpl), () => x.raise(vectorGeneralProtection, 0));
        return run(e, x, w, x.load(16, linear as Val));
      },
      options,
    ),
  ];
};

const swapgs: Body = (e, x) => {
  e.when(x.state('i32', layout.cpl), () => x.raise(vectorGeneralProtection, 0));
  const gsBase = layout.segmentBase + 8 * segment.gs;
  const active = x.state('i64', gsBase);
  x.setState('i64', gsBase, x.state('i64', layout.kernelGsBase));
  x.setState('i64', layout.kernelGsBase, active);
};

const tables: readonly Row[] = [
  ...storeRows('0F 00 /0', 'sldt'),
  ...storeRows('0F 00 /1', 'str'),
  ...privilegedWord('0F 00 /2', 'lldt'),
  ...privilegedWord('0F 00 /3', 'ltr'),
  row('0F 00 /4', 'verr', 'Ew', call('verr')),
  row('0F 00 /5', 'verw', 'Ew', call('verw')),
  row('0F 01 /0', 'sgdt', 'Nv', onMemory('sgdt', false), { sizes: 'branch' }),
  row('0F 01 /1', 'sidt', 'Nv', onMemory('sidt', false), { sizes: 'branch' }),
  row('0F 01 /2', 'lgdt', 'Nv', onMemory('lgdt', true), { ends: true, sizes: 'branch' }),
  row('0F 01 /3', 'lidt', 'Nv', onMemory('lidt', true), { ends: true, sizes: 'branch' }),
  ...storeRows('0F 01 /4', 'smsw'),
  ...privilegedWord('0F 01 /6', 'lmsw', ends),
  row('0F 01 /7', 'invlpg', 'Nb', onMemory('invlpg', true), ends),
  row('0F 01 F8', 'swapgs', '', swapgs, { only: 'mode64' }),
  row('0F 01 C1', 'vmcall', '', call('hypercall')),
  row('0F 01 D9', 'vmmcall', '', call('hypercall')),
  row('0F 31', 'rdtsc', '', readCounter),
  row('0F 01 F9', 'rdtscp', '', readCounterAndAux),
  row('0F 02', 'lar', 'K,Ew', (e, x, w, register, selector) => void x.helper('lar', selector, register, e.i32(w / 8))),
  row('0F 03', 'lsl', 'K,Ew', (e, x, w, register, selector) => void x.helper('lsl', selector, register, e.i32(w / 8))),
  row(
    '66 0F 38 82',
    'invpcid',
    'K,Nb',
    (_e, x, _w, register, linear) => {
      x.setHelperArgument(linear);
      x.helperEnds('invpcid', register);
    },
    ends,
  ),
  row('63', 'arpl', 'Ew+,Gw', (_e, x, _w, to, from) => x.helper('arpl', to, from), { only: 'legacy' }),
];

/** They need CR4.FSGSBASE too, which the helpers look at. */
const baseRows = ['rdfsbase', 'rdgsbase', 'wrfsbase', 'wrgsbase'].map((name, digit) => {
  const body: Body = (e, x, w, register) => void x.helper(name, register as Val, e.i32(w === 64 ? 8 : 4));
  return row(`F3 0F AE /${digit}`, name, 'B', body, { only: 'mode64' });
});

/** CF says that there was something to give, which is always so; the other flags are cleared. */
const readRandom: Body = (e, x, w) => {
  x.unitHelper('readEntropy');
  x.setFlags({ zero: e.i64(1n), sign: e.i64(1n), carry: e.i64(3n << 62n) });
  return e.truncate(64, w, x.helperResult());
};

const randomRows: readonly Row[] = (['rdrand', 'rdseed'] as const).flatMap((name, i) =>
  requires(name, [row(`0F C7 /${6 + i}`, name, 'Rv=', readRandom, { withoutRepeat: true })]),
);

/** A hint or fence: nothing to do on a processor that keeps program order. */
const nothing: Body = () => {};

/** A loop that waits for another vCPU is left when that one could run instead (see layout.pauses). */
const pause: Body = (e, x) => {
  const left = x.state('i32', layout.pauses);
  e.when(left, () => {
    const rest = e.op('i32.sub', left, e.i32(1));
    x.setState('i32', layout.pauses, rest);
    const wanted = e.select(rest, e.i32(0), e.i32(attention.kick));
    x.setState('i32', layout.attention, e.op('i32.or', x.state('i32', layout.attention), wanted));
  });
};

const hints: readonly Row[] = [
  row('NP 90', 'nop', '', nothing, { withoutRexB: true }),
  row('66 90', 'nop', '', nothing, { withoutRexB: true }),
  row('F2 90', 'nop', '', nothing, { withoutRexB: true }),
  row('F3 90', 'pause', '', pause),
  row('0F 1F', 'nop', 'T', nothing),
  ...[0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e].map((b) => row(`0F ${hex(b)}`, 'hint', 'T', nothing)),
  row('0F 0D', 'prefetchw', 'T', nothing),
  row('NP 0F AE /5', 'lfence', 'Tr', nothing),
  row('NP 0F AE /6', 'mfence', 'Tr', nothing),
  row('NP 0F AE /7', 'sfence', 'Tr', nothing),
  row('NP 0F AE /7', 'clflush', 'Nb', (_e, x, _w, linear) => void x.load(8, linear)),
];

const undefinedOpcode: Body = (_e, x) => x.raise(vectorUndefinedOpcode);

const plain: readonly [string, string, RowOptions][] = [
  ['0F A2', 'cpuid', {}],
  ['0F 33', 'rdpmc', {}],
  ['0F 32', 'rdmsr', {}],
];

const ending = [
  ['0F 30', 'wrmsr'],
  ['F4', 'hlt'],
  ['0F 06', 'clts'],
  ['0F 08', 'invd'],
  ['0F 09', 'wbinvd'],
] as const;

export const system: readonly Row[] = [
  ...portStrings,
  ...ports,
  ...tables,
  ...requires('fsgsbase', baseRows),
  ...randomRows,
  ...hints,
  ...plain.map(([opcode, name, options]) => row(opcode, name, '', call(name), options)),
  row('0F 0B', 'ud2', '', undefinedOpcode, ends),
  // These two have a ModRM byte, which counts for the instruction's length.
  row('0F B9', 'ud1', 'T', undefinedOpcode, ends),
  row('0F FF', 'ud0', 'T', undefinedOpcode, ends),
  ...ending.map(([opcode, name]) => row(opcode, name, '', finish(name), ends)),
  row('0F 20', 'mov_from_cr', 'B,C', call('movFromCr'), { sizes: 'branch' }),
  row('0F 22', 'mov_to_cr', 'B,C', finish('movToCr'), { ...ends, sizes: 'branch' }),
  row('0F 21', 'mov_from_dr', 'B,C', call('movFromDr'), { sizes: 'branch' }),
  row('0F 23', 'mov_to_dr', 'B,C', finish('movToDr'), { ...ends, sizes: 'branch' }),
];
