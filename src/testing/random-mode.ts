import { cr4, flag, layout, segment, setMxcsr, type X86Cpu } from '../cpu/isa/x86/index.ts';
import { refreshXsave } from '../cpu/isa/x86/system/extended-control.ts';
import { refreshMode } from '../cpu/isa/x86/system/mode.ts';
import { xcr0BitsOf } from '../cpu/isa/x86/system/registers.ts';
import type { BareEngine, BareMachine } from './bare-machine.ts';
import type { Random } from './witness/random.ts';
import { mxcsrOf, unusualFloats } from './witness/state-seeds.ts';

type AnyMachine = BareMachine<BareEngine>;

export type LegacyMode = 'real' | 'virtual-8086' | 'protected' | 'compatibility';

const ramBytes = 8 << 20;
/** Types of code and data segments (SDM 3A, table 3-1), all present. */
const dataTypes = [0x93, 0x93, 0x93, 0x91, 0x97, 0x95, 0xf3, 0x13];
const codeTypes = [0x9b, 0x9b, 0x99, 0x9f, 0xfb];
const unusable = 1 << 16;
const big = 0x4000;
const granular = 0x8000;

/**
 * Puts a machine into a mode with 16- or 32-bit code at the linear address `code`, with random segments, flags, registers
 * and, often, descriptor and interrupt tables of random bytes.
 */
export function enterRandomMode(machine: AnyMachine, mode: LegacyMode, random: Random, code: number): void {
  const { cpu } = machine.engine;
  const { state } = cpu;
  machine.reset();
  if (mode === 'real') cpu.reset();
  else if (mode !== 'compatibility')
    cpu.enter({
      mode: 'protected32',
      instructionPointer: 0,
      registers: {},
      gdt: { base: 0x1000, limit: 0x1f },
      codeSelector: 0x18,
      dataSelector: 0x18,
    });
  for (let number = 0; number < 16; number++) state.setGpr(number, random.value());
  const isReal = mode === 'real' || mode === 'virtual-8086';
  for (let number = 0; number < 6; number++) {
    if (isReal) setRealSegment(machine, random, number);
    else setSegment(machine, random, number);
  }
  setCode(machine, random, mode, code);
  // TF sometimes, or else the flags of the mode with whatever arithmetic left.
  const changing = flag.CF | flag.DF | flag.IF | flag.AC | flag.NT | (random.oneIn(4) ? flag.TF : 0);
  state.storeEflags(
    (random.next32() & changing) | 2 | (mode === 'virtual-8086' ? flag.VM | (random.below(4) << 12) : 0),
  );
  if (mode === 'virtual-8086') state.setWord(0x148, 3);
  if (random.oneIn(2)) setTables(machine, random);
  refreshMode(state);
}

/** CR0.AM, and breakpoints where the program may come by. */
export function watchRandomly({ engine }: AnyMachine, random: Random, code: number): void {
  const { cpu } = engine;
  const { state } = cpu;
  if (random.oneIn(2)) state.cr0 |= 1 << 18;
  if (random.oneIn(2)) return;
  for (let number = 0; number < 4; number++) {
    const near = [code + random.below(0x1000), code + random.below(0x100), 0x8f80 + random.below(0x100)];
    const low = random.pick([...near, state.gprLow(random.below(16)), random.next32()]);
    state.dr[number]?.setWords(low, 0);
  }
  state.dr[7]?.setWords(0x400 | (random.next32() & 0xffff00ff), 0);
  cpu.breakpoints.refresh();
  cpu.flushTlb();
}

/** Everything that XCR0 can turn on. */
export function enableAvx({ state, model }: X86Cpu): void {
  state.cr4 |= cr4.OSFXSR | cr4.OSXSAVE;
  state.xcr0 = xcr0BitsOf(model);
  refreshXsave(state);
  refreshMode(state);
}

/** SSE, and most often AVX, with any MXCSR and unusual floats. */
export function enableVectors({ engine }: AnyMachine, random: Random): void {
  const { state } = engine.cpu;
  state.cr4 |= cr4.OSFXSR | (random.oneIn(4) ? 0 : cr4.OSXMMEXCPT);
  if (!random.oneIn(4)) enableAvx(engine.cpu);
  setMxcsr(state.i32, mxcsrOf(random.next32()));
  for (const registers of [layout.xmm, layout.ymmHigh]) {
    for (let number = 0; number < 16; number++) {
      unusualFloats(() => random.next32(), new DataView(state.buffer, registers + 16 * number, 16));
    }
  }
  refreshMode(state);
}

/** Engines look at the limit of the code segment where a page is entered, not at each instruction. */
export function liftCodeLimit({ engine }: AnyMachine): void {
  const { state } = engine.cpu;
  state.setWord(layout.segmentLimit + 4 * segment.cs, -1);
  refreshMode(state);
}

function setRealSegment({ engine }: AnyMachine, random: Random, number: number): void {
  const selector = random.below(0x10000);
  const attributes = engine.cpu.state.eflagsRest & flag.VM ? 0xf3 : 0x93;
  engine.cpu.state.setSegment(number, selector, selector << 4, 0xffff, attributes);
}

function setSegment({ engine }: AnyMachine, random: Random, number: number): void {
  const isFlat = random.oneIn(3);
  const base = isFlat ? 0 : random.pick([0, 0x10, random.below(ramBytes), random.next32()]);
  const limit = isFlat ? 0xffffffff : random.pick([0, 1, 0xfff, 0xffff, random.next32(), 0xffffffff]);
  const type = isFlat ? 0x93 : random.pick(dataTypes);
  const size = random.pick([0, big, big | granular]);
  const attributes = isFlat
    ? type | big | granular
    : type | size | (number !== segment.ss && random.oneIn(8) ? unusable : 0);
  engine.cpu.state.setSegment(number, random.below(0x10000), base, limit, attributes);
}

/** CS so that an instruction pointer inside of its limit leads to `code`. */
function setCode({ engine }: AnyMachine, random: Random, mode: LegacyMode, code: number): void {
  const { state } = engine.cpu;
  const offset =
    mode === 'real' || mode === 'virtual-8086' ? random.below(0xf000) & ~15 : random.pick([0, 0xff00, code]);
  const base = code - offset;
  const isReal = mode === 'real' || mode === 'virtual-8086';
  const attributes = isReal ? 0x9b : random.pick(codeTypes) | (random.oneIn(2) ? big : 0);
  const limit = isReal || random.oneIn(2) ? Math.max(0xffff, offset + random.below(600)) : 0xffffffff;
  state.setSegment(segment.cs, isReal ? (base >>> 4) & 0xffff : 0x10, base, limit, attributes);
  state.rip = BigInt(offset);
  state.nextRip = state.rip;
}

function setTables({ engine, ram }: AnyMachine, random: Random): void {
  const { state } = engine.cpu;
  for (let at = 0x20000; at < 0x21000; at++) ram[at] = random.oneIn(3) ? 0 : random.below(256);
  Object.assign(state.idtr, {
    base: random.pick([0, 0x20000]),
    limit: random.pick([0x3ff, 0xfff, random.below(0x1000)]),
  });
  Object.assign(state.gdtr, { base: random.pick([0x1000, 0x20000]), limit: random.below(0x1000) });
  Object.assign(state.tr, { base: 0x20000, limit: random.below(0x200) });
}
