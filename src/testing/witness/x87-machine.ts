import { refreshMode } from '../../cpu/isa/x86/system/mode.ts';
import { cr0 } from '../../cpu/isa/x86/system/registers.ts';
import { caseBytes, caseOffset, outcomeOffset, signal } from '../../cpu/isa/x86/x87/witness/cases.ts';
import { TrapMachine } from '../trap-machine.ts';
import { interpreterEngine, type MakeEngine } from './engines.ts';

const stubBytes = 32;
/** Places in a stub, which is oracle.c's. */
const instructionAt = 4;
const afterInstruction = 6;
const places = { input: 0x200000, memory: 0x201000, output: 0x202000, ax: 0x203000, stack: 0x9000 } as const;
const imageBytes = 108;
const hlt = 0xf4;
const registers = { ax: 0, cx: 1, dx: 2, sp: 4, si: 6, di: 7, r8: 8 } as const;
const signals: Readonly<Record<number, number>> = { 6: signal.illegal, 16: signal.floatingPoint };
const userFlags = 0x8d5;
/** What stands for the addresses of the instruction and of its operand. */
const marks = { instruction: { at: 12, byte: 0xf1 }, operand: { at: 20, byte: 0xd1 } } as const;

/** Runs the cases of the x87 witness as oracle.c does, as programs on an engine. */
export class X87Machine {
  readonly machine: TrapMachine;

  constructor(create: MakeEngine = interpreterEngine) {
    this.machine = new TrapMachine(create);
    const { state } = this.machine.bare.engine.cpu;
    state.cr0 |= cr0.NE | cr0.MP;
    refreshMode(state);
  }

  /** Runs the case at `at` in `cases` and writes its outcome to the same place in `outcomes`. */
  run(cases: Uint8Array, outcomes: Uint8Array, at: number): void {
    const { bare } = this.machine;
    const stub = this.#stub(cases[at + caseOffset.opcode] ?? 0, cases[at + caseOffset.modrm] ?? 0);
    bare.ram.set(cases.subarray(at, at + imageBytes), places.input);
    bare.ram.set(cases.subarray(at + caseOffset.memory, at + caseBytes), places.memory);
    bare.view.setUint16(places.ax, 0x5555, true);
    const eflags = (cases[at + caseOffset.eflags] ?? 0) | ((cases[at + caseOffset.eflags + 1] ?? 0) << 8);
    this.machine.set(registers.ax, 0x5555).set(registers.cx, 2 | eflags);
    this.machine.set(registers.dx, places.output).set(registers.sp, places.stack).set(registers.si, places.input);
    this.machine.set(registers.di, places.memory).set(registers.r8, places.ax);
    const trap = this.machine.go(stub);
    if (trap) {
      this.machine.set(registers.sp, places.stack);
      this.machine.go(stub + afterInstruction);
    }
    this.#finish(outcomes, at, stub, trap ? (signals[trap.vector] ?? -1) : signal.none);
  }

  /** The program of an instruction: made once, so that it is translated once. */
  #stub(opcode: number, modrm: number): number {
    const { bare } = this.machine;
    const form = modrm >= 0xc0 ? modrm : (modrm & 0x38) | 7;
    const stub = TrapMachine.code + ((opcode & 7) * 256 + form) * stubBytes;
    if (bare.ram[stub] !== 0) return stub;
    bare.load(
      stub,
      ...[0xdd, 0x26], // frstor [rsi]
      ...[0x51, 0x9d], // push rcx; popfq
      ...[opcode, form], // on [rdi]
      ...[0x9c], // pushfq
      ...[0x49, 0x89, 0x00], // mov [r8], rax
      ...[0x58], // pop rax
      ...[0xdd, 0x32], // fnsave [rdx]
      hlt,
    );
    return stub;
  }

  #finish(outcomes: Uint8Array, at: number, stub: number, caught: number): void {
    const { ram, view } = this.machine.bare;
    const ax = view.getUint16(places.ax, true);
    if (ax !== 0x5555) view.setUint16(places.memory, ax, true);
    outcomes.set(ram.subarray(places.output, places.output + imageBytes), at);
    this.#mark(outcomes, at, marks.instruction, stub + instructionAt);
    this.#mark(outcomes, at, marks.operand, places.memory);
    const eflags = this.machine.bare.engine.cpu.state.gprLow(registers.ax) & userFlags;
    outcomes.set([caught, 0, eflags, eflags >> 8], at + outcomeOffset.signal);
    outcomes.set(ram.subarray(places.memory, places.memory + 16), at + outcomeOffset.memory);
  }

  #mark(outcomes: Uint8Array, at: number, mark: { readonly at: number; readonly byte: number }, address: number): void {
    const view = new DataView(outcomes.buffer, outcomes.byteOffset + at + mark.at, 4);
    if (view.getUint32(0, true) === address) outcomes.fill(mark.byte, at + mark.at, at + mark.at + 4);
  }
}
