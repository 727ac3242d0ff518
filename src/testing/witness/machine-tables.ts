/** Descriptor tables, page tables and handlers of our side, laid out in its RAM. */
import { arena, type LocalSegment, localSegments, pageBytes, places } from './places.ts';

/** Supervisor pages lie where no case points by accident. */
export const kernelBase = 0x6123_4560_0000;
/** One HLT for each vector. */
export const handlerAddress = BigInt(kernelBase + 0x4000);

const physicalPages = {
  gdt: 0,
  ldt: 1,
  idt: 2,
  tss: 3,
  handlers: 4,
  stack: 5,
  firstTable: 16,
  arena: 64,
  code: 80,
  stub: 82,
} as const;
const kernelPageCount = 6;
const stackTop = kernelBase + (physicalPages.stack + 1) * pageBytes - 64;

const present = 1n;
const writable = 2n;
const user = 4n;
const noExecute = 1n << 63n;

/** As Linux has them: kernel code, kernel data, user 32-bit code, user data, user 64-bit code. */
const globalDescriptors: readonly [number, bigint][] = [
  [0x10, 0x00af9b000000ffffn],
  [0x18, 0x00cf93000000ffffn],
  [0x20, 0x00cffb000000ffffn],
  [0x28, 0x00cff3000000ffffn],
  [0x30, 0x00affb000000ffffn],
];
const descriptorLimit = 0x7f;

export class GuestTables {
  readonly #ram: Uint8Array;
  readonly #view: DataView;
  #nextTable: number = physicalPages.firstTable + 1;

  readonly arenaAt = physicalPages.arena * pageBytes;
  readonly codeAt = physicalPages.code * pageBytes;
  readonly root = physicalPages.firstTable * pageBytes;
  readonly gdt = { base: kernelBase, limit: descriptorLimit };
  readonly idt = { base: kernelBase + physicalPages.idt * pageBytes, limit: 0xfff };
  readonly ldt = { selector: 0x50, base: kernelBase + physicalPages.ldt * pageBytes, limit: 0x1f, attributes: 0x82 };
  readonly tss = { selector: 0x40, base: kernelBase + physicalPages.tss * pageBytes, limit: 0x67, attributes: 0x8b };

  constructor(ram: Uint8Array) {
    this.#ram = ram;
    this.#view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#writeDescriptors();
    this.#writeHandlers();
    this.#mapAll();
  }

  /** Where a supervisor address lies in RAM. */
  physical(linear: number): number {
    return linear - kernelBase;
  }

  localAttributes({ kind }: LocalSegment): number {
    return { data: 0x50f3, 'read-only': 0x50f1, code16: 0x10fb }[kind];
  }

  #writeDescriptors(): void {
    for (const [at, value] of globalDescriptors) this.#view.setBigUint64(at, value, true);
    for (const entry of localSegments) {
      const attributes = BigInt(this.localAttributes(entry));
      const base = BigInt(entry.base);
      const value =
        BigInt(entry.limit & 0xffff) |
        (BigInt(entry.limit >> 16) << 48n) |
        ((base & 0xffffffn) << 16n) |
        ((base >> 24n) << 56n) |
        (attributes << 40n);
      this.#view.setBigUint64(physicalPages.ldt * pageBytes + (entry.selector & ~7), value, true);
    }
    this.#view.setBigUint64(physicalPages.tss * pageBytes + 4, BigInt(stackTop), true);
    // The I/O permission map lies behind the limit: there is none.
    this.#view.setUint16(physicalPages.tss * pageBytes + 0x66, 0x68, true);
  }

  #writeHandlers(): void {
    this.#ram.fill(0xf4, physicalPages.handlers * pageBytes, (physicalPages.handlers + 1) * pageBytes);
    for (let vector = 0; vector < 256; vector++) {
      const at = physicalPages.idt * pageBytes + vector * 16;
      const target = handlerAddress + BigInt(vector);
      // Programs may call the breakpoint and overflow handlers, as on Linux.
      const level = vector === 3 || vector === 4 ? 3 : 0;
      this.#view.setUint16(at, Number(target & 0xffffn), true);
      this.#view.setUint16(at + 2, 0x10, true);
      this.#view.setUint16(at + 4, 0x8e00 | (level << 13), true);
      this.#view.setUint16(at + 6, Number((target >> 16n) & 0xffffn), true);
      this.#view.setUint32(at + 8, Number(target >> 32n), true);
    }
  }

  #mapAll(): void {
    for (let i = 0; i < kernelPageCount; i++) this.#map(kernelBase + i * pageBytes, i, present | writable);
    const data = physicalPages.arena;
    const stack = physicalPages.arena + arena.stack / pageBytes;
    for (let i = 0; i < 2; i++) {
      const at = i * pageBytes;
      this.#map(places.data + at, data + i, present | writable | user | noExecute);
      this.#map(places.highData + at, data + i, present | writable | user | noExecute);
      this.#map(places.stack + at, stack + i, present | writable | user | noExecute);
      this.#map(places.code + at, physicalPages.code + i, present | user);
    }
    this.#map(places.readOnlyData, stack + 1, present | user | noExecute);
    this.#map(places.stubPage, physicalPages.stub, present | user);
    this.#ram.fill(0xf4, this.codeAt, this.codeAt + places.codeBytes);
    this.#ram.fill(0xf4, physicalPages.stub * pageBytes, (physicalPages.stub + 1) * pageBytes);
  }

  #map(linear: number, physicalPage: number, rights: bigint): void {
    let table = this.root;
    for (const shift of [39n, 30n, 21n]) {
      const at = table + Number((BigInt(linear) >> shift) & 511n) * 8;
      if (this.#view.getBigUint64(at, true) === 0n) {
        const next = BigInt(this.#nextTable++ * pageBytes);
        this.#view.setBigUint64(at, next | present | writable | user, true);
      }
      table = Number(this.#view.getBigUint64(at, true) & ~0xfffn);
    }
    const at = table + Number((BigInt(linear) >> 12n) & 511n) * 8;
    this.#view.setBigUint64(at, BigInt(physicalPage * pageBytes) | rights, true);
  }
}
