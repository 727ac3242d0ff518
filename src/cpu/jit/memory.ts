import { asVal, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { accessKind, accessOf, emitTlbProbe, layout, type MemoryType, type WritableMemory } from '../isa/x86/index.ts';
import type { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';

export interface RunningInstruction {
  /** Its address. */
  rip(): Val;
  /** Leaves for its recorded fault. */
  onFault(): void;
}

/** Guest memory as a region accesses it: through the TLB inline, through the core where that misses. */
export class RegionMemory {
  readonly #e: WasmEmitter;
  readonly #frame: RegionFrame;
  readonly #imports: RegionImports;
  readonly #running: RunningInstruction;
  readonly #stale: number;

  constructor(e: WasmEmitter, frame: RegionFrame, imports: RegionImports, running: RunningInstruction) {
    this.#e = e;
    this.#frame = frame;
    this.#imports = imports;
    this.#running = running;
    this.#stale = e.body.local('i32');
  }

  load(type: MemoryType, linear: Val, onStack?: 'stack'): Val {
    const { load, bytes } = accessOf(type);
    return this.#e.loadMemory(load, this.#host(linear, bytes, accessKind.read, onStack), 0);
  }

  writable(type: MemoryType, linear: Val, access: 'write' | 'read-write', onStack?: 'stack'): WritableMemory {
    const e = this.#e;
    const { load, store, bytes } = accessOf(type);
    const host = this.#host(linear, bytes, accessKind[access], onStack);
    return {
      read: () => e.loadMemory(load, host, 0),
      write: (value) => {
        e.storeMemory(store, host, 0, value);
        e.when(e.op('i32.eq', host, e.i32(layout.bounce)), () => {
          e.body.call(this.#imports.flushBounce);
          this.noteStale();
        });
      },
    };
  }

  #host(linear: Val, bytes: number, kind: number, onStack?: 'stack'): Val {
    const e = this.#e;
    const miss = (): Val => {
      const packed = bytes | ((kind | (onStack ? accessKind.onStack : 0)) << 8);
      e.push(linear, this.#running.rip(), e.i32(packed));
      e.body.call(this.#imports.access);
      const host = e.pop('i32');
      e.push(e.op('i32.eqz', host));
      e.body.if();
      this.#running.onFault();
      e.body.end();
      if (kind !== accessKind.read) this.noteStale();
      return host;
    };
    return emitTlbProbe(e, { bank: this.#frame.tlbBank(), linear, bytes, isRead: kind === accessKind.read, miss });
  }

  /** After anything that may have written code: remembers whether some that was translated was dropped. */
  noteStale(): void {
    this.#e.body.i32(0).memory('i32.load', layout.codeDropped).set(this.#stale);
  }

  /** An i32. */
  isStale(): Val {
    return asVal(Value.local('i32', this.#stale));
  }
}
