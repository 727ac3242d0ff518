import { InterpreterEngine } from '../cpu/engines.ts';
import { type InterpreterOptions, layout, type VcpuStop } from '../cpu/index.ts';
import { RecordingBus } from './x86-system.ts';

const ramBytes = 8 << 20;
const wasmPage = 0x10000;
const gdt = 0x1000;
const pageTables = 0x2000;
const present = 3n;

/** What runs the processor; the interpreter unless told otherwise. */
export type BareEngine = Pick<InterpreterEngine, 'cpu' | 'run' | 'hostWrote'>;

/**
 * A processor in 64-bit mode at CPL 0, 8 MiB of RAM mapped one to one by 4 KiB pages, no interrupt table: whatever
 * faults ends as a triple fault. `hlt` ends a program.
 */
export class BareMachine<Engine extends BareEngine = InterpreterEngine> {
  readonly bus = new RecordingBus();
  readonly engine: Engine;
  readonly ram: Uint8Array;
  readonly view: DataView;

  constructor(create: (options: InterpreterOptions) => Engine = (options) => new InterpreterEngine(options) as never) {
    const pages = (layout.ram + ramBytes) / wasmPage;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.ram = new Uint8Array(memory.buffer, layout.ram, ramBytes);
    this.view = new DataView(memory.buffer, layout.ram, ramBytes);
    const ram = { ramOffset: (at: number) => (at < ramBytes ? layout.ram + at : -1) };
    this.engine = create({ memory, ram, bus: this.bus, tscHz: 1e9 });
    this.reset();
  }

  /** Writes the tables anew and enters 64-bit mode; RAM keeps everything else. */
  reset(): void {
    this.#writeTables();
    this.engine.cpu.enter({
      mode: 'long64',
      instructionPointer: 0,
      registers: { rsp: 0x9000 },
      gdt: { base: gdt, limit: 0x1f },
      codeSelector: 0x10,
      dataSelector: 0x18,
      pageTableRoot: pageTables,
    });
  }

  /** Maps the 4 KiB page at a linear address below 8 MiB to another one and forgets translations. */
  map(linear: number, physical: number): void {
    this.view.setBigUint64(pageTables + 0x3000 + (linear >>> 12) * 8, BigInt(physical) | present, true);
    this.engine.cpu.flushTlb();
  }

  /** Takes the 4 KiB page at a linear address out of the page tables. */
  unmap(linear: number): void {
    this.view.setBigUint64(pageTables + 0x3000 + (linear >>> 12) * 8, 0n, true);
    this.engine.cpu.flushTlb();
  }

  /** Makes the 4 KiB page at a linear address a user's. */
  giveToUser(linear: number): void {
    for (const at of [0, 0x1000, 0x2000 + (linear >>> 21) * 8, 0x3000 + (linear >>> 12) * 8]) {
      const entry = this.view.getBigUint64(pageTables + at, true);
      this.view.setBigUint64(pageTables + at, entry | 4n, true);
    }
    this.engine.cpu.flushTlb();
  }

  load(at: number, ...bytes: number[]): void {
    this.ram.set(bytes, at);
    this.engine.hostWrote(layout.ram + at, bytes.length);
  }

  /** Starts at `at` and runs up to `budget` instructions. */
  run(at: number, budget = 100_000): VcpuStop {
    this.engine.cpu.state.rip = BigInt(at);
    return this.engine.run(budget);
  }

  register(number: number): bigint {
    return this.engine.cpu.state.gpr(number);
  }

  #writeTables(): void {
    this.view.setBigUint64(gdt + 0x10, 0x00af9b000000ffffn, true);
    this.view.setBigUint64(gdt + 0x18, 0x00cf93000000ffffn, true);
    this.view.setBigUint64(pageTables, BigInt(pageTables + 0x1000) | present, true);
    this.view.setBigUint64(pageTables + 0x1000, BigInt(pageTables + 0x2000) | present, true);
    for (let table = 0; table < 4; table++) {
      const at = pageTables + 0x3000 + table * 0x1000;
      this.view.setBigUint64(pageTables + 0x2000 + table * 8, BigInt(at) | present, true);
      for (let i = 0; i < 512; i++) {
        const page = BigInt(table * 0x200000 + i * 0x1000);
        this.view.setBigUint64(at + i * 8, page | present, true);
      }
    }
  }
}
