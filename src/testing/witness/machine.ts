import { attention, type CpuBus, flag, layout, type RamMap, segment, type X86Cpu } from '../../cpu/isa/x86/index.ts';
import { refreshXsave } from '../../cpu/isa/x86/system/extended-control.ts';
import { refreshMode } from '../../cpu/isa/x86/system/mode.ts';
import { cr0, cr4, efer, xcr0BitsOf } from '../../cpu/isa/x86/system/registers.ts';
import { codeBytes, finishOf, type Patch, type WitnessCase, type WitnessOutcome } from './case.ts';
import { interpreterEngine, type MakeEngine } from './engines.ts';
import { arenaImage } from './image.ts';
import { GuestTables, handlerAddress } from './machine-tables.ts';
import { arena, bases64, localSegments, places, selectors } from './places.ts';
import { loadVector, saveVector } from './vector-state.ts';

/** Longer than any case that ends. */
const instructionBudget = 200_000;
const ramBytes = 0x100000;
const userFlags = flag.IF | 2;
const hasErrorCode = [8, 10, 11, 12, 13, 14, 17];
const doubleWord = (1n << 32n) - 1n;

/** Nothing is attached: user mode cannot reach it. */
const emptyBus: CpuBus = {
  readPort: () => 0xff,
  writePort: () => {},
  readMmio: () => 0xffffffff,
  writeMmio: () => {},
  nowNs: () => 0,
  wallClockMs: () => 0,
  acknowledgeInterrupt: () => 0,
  readMsr: () => undefined,
  writeMsr: () => false,
  readCr8: () => 0,
  writeCr8: () => {},
  setFerr: () => false,
  readEntropy: () => 0n,
};

/**
 * Our side of the witness: a machine under long mode whose user half looks as native.c makes it. Cases run at privilege
 * level 3; whatever ends them is delivered to a handler that halts, and read from the stack frame there.
 */
export class WitnessMachine {
  readonly #engine: ReturnType<MakeEngine>;
  readonly #ram: Uint8Array;
  readonly #tables: GuestTables;
  readonly #expected = new Uint8Array(arena.bytes);

  constructor(makeEngine: MakeEngine = interpreterEngine) {
    const pages = (layout.ram + ramBytes) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
    const ram: RamMap = { ramOffset: (gpa) => (gpa < ramBytes ? layout.ram + gpa : -1) };
    this.#engine = makeEngine({ memory, ram, bus: emptyBus, tscHz: 1e9 });
    this.#ram = new Uint8Array(memory.buffer, layout.ram, ramBytes);
    this.#tables = new GuestTables(this.#ram);
    this.#setUp();
  }

  run(test: WitnessCase): WitnessOutcome {
    this.#loadMemory(test);
    this.#loadRegisters(test);
    const stop = this.#engine.run(instructionBudget);
    if (stop.kind !== 'halt' && stop.kind !== 'budget') {
      throw new Error(`Cannot run witness case: the processor stopped with ${JSON.stringify(stop)}`);
    }
    const outcome = this.#outcome(test, stop.kind === 'budget');
    this.#write(this.#tables.codeAt + test.codeOffset, new Uint8Array(test.code.length + 8).fill(0xf4));
    return outcome;
  }

  /** Regions that a JIT has translated. */
  get translatedRegions(): number {
    return this.#engine.counters().translatedRegions ?? 0;
  }

  get #cpu(): X86Cpu {
    return this.#engine.cpu;
  }

  #setUp(): void {
    const { state } = this.#cpu;
    state.cr0 = cr0.PE | cr0.MP | cr0.ET | cr0.NE | cr0.WP | cr0.AM | cr0.PG;
    state.cr4 = cr4.PAE | cr4.PGE | cr4.OSFXSR | cr4.OSXMMEXCPT | cr4.FSGSBASE | cr4.PSE | cr4.OSXSAVE;
    state.xcr0 = xcr0BitsOf(this.#cpu.model);
    refreshXsave(state);
    state.efer = efer.LME | efer.LMA | efer.NXE | efer.SCE;
    state.cr3.value = BigInt(this.#tables.root);
    Object.assign(state.gdtr, this.#tables.gdt);
    Object.assign(state.idtr, this.#tables.idt);
    Object.assign(state.ldtr, this.#tables.ldt);
    Object.assign(state.tr, this.#tables.tss);
    this.#cpu.flushTlb();
  }

  #write(at: number, bytes: Uint8Array): void {
    this.#ram.set(bytes, at);
    this.#engine.hostWrote(layout.ram + at, bytes.length);
  }

  #loadMemory(test: WitnessCase): void {
    this.#write(this.#tables.codeAt + test.codeOffset, codeBytes(test));
    this.#expected.set(arenaImage(test.image));
    for (const patch of test.patches) this.#expected.set(patch.bytes, patch.at);
    this.#ram.set(this.#expected, this.#tables.arenaAt);
  }

  #loadRegisters(test: WitnessCase): void {
    const { state } = this.#cpu;
    this.#cpu.stop = undefined;
    state.setWord(layout.attention, state.word(layout.attention) & ~attention.stop);
    const is64 = test.mode === 64;
    test.gpr.forEach((value, number) => {
      state.setGpr(number, is64 ? value : value & doubleWord);
    });
    state.storeEflags(test.eflags | userFlags);
    this.#setSegments(test);
    state.setWord(layout.cpl, 3);
    refreshMode(state);
    const start = test.mode === 16 ? test.codeOffset : places.code + test.codeOffset;
    state.rip = BigInt(start);
    state.nextRip = state.rip;
    if (test.vector) loadVector(state, test.vector);
  }

  #setSegments(test: WitnessCase): void {
    const { state } = this.#cpu;
    const flat = (number: number, selector: number, attributes: number): void =>
      state.setSegment(number, selector, 0, 0xffffffff, attributes);
    const local = (number: number, selector: number): void => {
      const entry = localSegments.find((s) => s.selector === selector);
      if (entry) state.setSegment(number, selector, entry.base, entry.limit, this.#tables.localAttributes(entry));
    };
    for (const number of [segment.es, segment.ss, segment.ds]) flat(number, selectors.data, 0xc0f3);
    if (test.hasSmallSegments) for (const number of [segment.es, segment.ds]) local(number, selectors.smallData);
    if (test.mode === 64) {
      flat(segment.cs, selectors.code64, 0xa0fb);
      for (const number of [segment.fs, segment.gs]) state.setNullSegment(number, 0);
      state.setSegmentBase(segment.fs, bases64.fs);
      state.setSegmentBase(segment.gs, bases64.gs);
      return;
    }
    if (test.mode === 32) flat(segment.cs, selectors.code32, 0xc0fb);
    else local(segment.cs, selectors.code16);
    local(segment.fs, selectors.readOnly);
    local(segment.gs, selectors.smallData);
  }

  /** Reads the handler's stack frame (SDM 3A, figure 6-9). */
  #outcome(test: WitnessCase, isTimeout: boolean): WitnessOutcome {
    const { state } = this.#cpu;
    const vector = test.vector ? saveVector(state) : undefined;
    const differences = this.#differences();
    const gpr = Array.from({ length: 16 }, (_, i) => state.gpr(i));
    const common = { vector, differences, cr2: state.cr2.value };
    if (isTimeout) {
      return { kind: 'timeout', trap: 0, errorCode: 0, rip: state.rip, eflags: state.eflags, gpr, ...common };
    }
    const trap = Number(state.rip - handlerAddress) - 1;
    const frame = new DataView(this.#ram.buffer, this.#ram.byteOffset + this.#tables.physical(Number(state.gpr(4))));
    const at = hasErrorCode.includes(trap) ? 8 : 0;
    const errorCode = at === 8 ? frame.getUint32(0, true) : 0;
    const rip = frame.getBigUint64(at, true);
    const eflags = frame.getUint32(at + 16, true);
    gpr[4] = frame.getBigUint64(at + 24, true);
    const isDone = trap === 13 && rip === BigInt(finishOf(test));
    if (isDone) return { kind: 'completed', trap: 0, errorCode: 0, rip: 0n, eflags, gpr, ...common };
    return { kind: 'fault', trap, errorCode, rip, eflags, gpr, ...common };
  }

  #differences(): Patch[] {
    const now = this.#ram.subarray(this.#tables.arenaAt, this.#tables.arenaAt + arena.bytes);
    const found: Patch[] = [];
    if (Buffer.compare(now, this.#expected) === 0) return found;
    for (let page = 0; page < arena.bytes; page += 256) {
      const end = page + 256;
      if (Buffer.compare(now.subarray(page, end), this.#expected.subarray(page, end)) === 0) continue;
      for (let at = page; at < end; at++) {
        if (now[at] === this.#expected[at]) continue;
        const start = at;
        while (at < end && now[at] !== this.#expected[at]) at++;
        found.push({ at: start, bytes: now.slice(start, at) });
      }
    }
    return found;
  }
}
