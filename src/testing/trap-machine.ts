import { InterpreterEngine } from '../cpu/engines.ts';
import type { InterpreterOptions } from '../cpu/index.ts';
import { flag } from '../cpu/isa/x86/index.ts';
import { BareMachine } from './bare-machine.ts';

const idt = 0x20000;
const stubs = 0x30000;
const codeSelector = 0x10n;
const interruptGate = 0x8e00n;
const withErrorCode = [8, 10, 11, 12, 13, 14, 17];
const hlt = 0xf4;

/** An exception or interrupt as its handler finds it. */
export interface Trap {
  readonly vector: number;
  readonly errorCode: bigint | undefined;
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly eflags: bigint;
}

/**
 * A `BareMachine` whose interrupt table leads each vector to a HLT of its own: a program runs to its own HLT or to the
 * first exception or interrupt.
 */
export class TrapMachine {
  readonly bare: BareMachine;
  /** Where code is loaded, and a page of data that everything may write. */
  static readonly code = 0x100000;
  static readonly data = 0x200000;
  /** A linear page that is mapped onto a device. */
  static readonly device = 0x300000;
  static readonly deviceAddress = 0xfe000000;

  constructor(
    create: (options: InterpreterOptions) => InterpreterEngine = (options) => new InterpreterEngine(options),
  ) {
    this.bare = new BareMachine(create);
    const { view, ram, engine } = this.bare;
    for (let vector = 0; vector < 256; vector++) {
      const stub = BigInt(stubs + vector);
      const low = (stub & 0xffffn) | (codeSelector << 16n) | (interruptGate << 32n) | ((stub >> 16n) << 48n);
      view.setBigUint64(idt + vector * 16, low, true);
      ram[stubs + vector] = hlt;
    }
    Object.assign(engine.cpu.state.idtr, { base: idt, limit: 0xfff });
    this.bare.map(TrapMachine.device, TrapMachine.deviceAddress);
  }

  /** Sets a general register by number. */
  set(number: number, value: bigint | number): this {
    this.bare.engine.cpu.state.setGpr(number, BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  get(number: number): bigint {
    return this.bare.register(number);
  }

  get eflags(): number {
    return this.bare.engine.cpu.state.eflags;
  }

  set eflags(value: number) {
    const { state } = this.bare.engine.cpu;
    state.storeEflags(value | 2);
  }

  get instructions(): number {
    return this.bare.engine.counters().instructions;
  }

  /** Loads code at `TrapMachine.code` and runs it; a trap when the program did not reach its own HLT. */
  run(code: readonly number[], at: number = TrapMachine.code): Trap | undefined {
    this.bare.load(at, ...code, hlt);
    return this.go(at);
  }

  /** Runs what is loaded already. */
  go(at: number, budget = 200_000): Trap | undefined {
    const { engine } = this.bare;
    engine.cpu.stop = undefined;
    const stop = this.bare.run(at, budget);
    if (stop.kind !== 'halt') throw new Error(`Cannot run program: it ends as ${JSON.stringify(stop)}`);
    return this.#trap();
  }

  #trap(): Trap | undefined {
    const { view, engine } = this.bare;
    const vector = Number(engine.cpu.state.rip) - 1 - stubs;
    if (vector < 0 || vector > 255) return undefined;
    let at = Number(this.get(4));
    const hasCode = withErrorCode.includes(vector);
    const errorCode = hasCode ? view.getBigUint64(at, true) : undefined;
    if (hasCode) at += 8;
    const word = (i: number): bigint => view.getBigUint64(at + 8 * i, true);
    return { vector, errorCode, rip: word(0), eflags: word(2), rsp: word(3) };
  }
}

/** EFLAGS that a test looks at. */
export const arithmeticFlags = flag.CF | flag.PF | flag.AF | flag.ZF | flag.SF | flag.OF;
