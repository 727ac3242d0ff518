import { layout } from '../layout.ts';
import { refused, vector } from './guest-fault.ts';
import { currentBank, failsAlignment, isCode64, pagingBank } from './mode.ts';
import { access } from './page-walk.ts';
import { isCanonicalHigh } from './words.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** The `kind` argument of slow accesses. */
export const slowKind = { read: 0, write: 1, modify: 2, mask: 3, stack: 1 << 8 } as const;

/** One page's part of an access that is done in the bounce buffer. */
interface BouncePiece {
  ram: number;
  physical: number;
  length: number;
}

/** The slow path of generated code's memory accesses: TLB misses, MMIO, page-crossing accesses, pages with code. */
export class SlowAccess {
  readonly #cpu: X86Cpu;
  readonly #first: BouncePiece = { ram: -1, physical: 0, length: 0 };
  readonly #second: BouncePiece = { ram: -1, physical: 0, length: 0 };

  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
  }

  /** Where the access may be done in linear memory, or 0: the fault is recorded. See X86Cpu.slowAccess. */
  begin(lo: number, hi: number, size: number, kind: number): number {
    if (!isCanonicalHigh(hi)) return this.#nonCanonical(kind);
    const walkKind = (kind & slowKind.mask) === slowKind.read ? access.read : access.write;
    if ((lo & 0xfff) + size > 0x1000) return this.#crossPage(lo, hi, size, kind, walkKind);
    const { mmu } = this.#cpu;
    if (!this.#translate(lo, hi, walkKind) || !this.#examine(lo, hi, size, walkKind)) return 0;
    if (mmu.ramAddress >= 0) {
      if (walkKind === access.write) mmu.noteWrite(mmu.ramAddress, size);
      return mmu.ramAddress;
    }
    setPiece(this.#first, -1, mmu.physical, size);
    this.#second.length = 0;
    return this.#fetch(kind);
  }

  /** Writes back what generated code left in the bounce buffer. */
  flush(): void {
    const { mmu } = this.#cpu;
    mmu.writeBytes(this.#first.ram, this.#first.physical, this.#first.length, layout.bounce);
    if (this.#second.length === 0) return;
    mmu.writeBytes(this.#second.ram, this.#second.physical, this.#second.length, layout.bounce + this.#first.length);
  }

  #crossPage(lo: number, hi: number, size: number, kind: number, walkKind: number): number {
    const { mmu, state } = this.#cpu;
    const firstLength = 0x1000 - (lo & 0xfff);
    const nextLo = (lo + firstLength) | 0;
    const nextHi = nextLo === 0 ? (isCode64(state) ? (hi + 1) | 0 : 0) : hi;
    if (!isCanonicalHigh(nextHi)) return this.#nonCanonical(kind);
    if (!this.#translate(lo, hi, walkKind)) return 0;
    setPiece(this.#first, mmu.ramAddress, mmu.physical, firstLength);
    if (!this.#translate(nextLo, nextHi, walkKind)) return 0;
    setPiece(this.#second, mmu.ramAddress, mmu.physical, size - firstLength);
    if (!this.#examine(lo, hi, size, walkKind)) return 0;
    return this.#fetch(kind);
  }

  #fetch(kind: number): number {
    if ((kind & slowKind.mask) === slowKind.write) return layout.bounce;
    const { mmu } = this.#cpu;
    mmu.readBytes(this.#first.ram, this.#first.physical, this.#first.length, layout.bounce);
    if (this.#second.length === 0) return layout.bounce;
    mmu.readBytes(this.#second.ram, this.#second.physical, this.#second.length, layout.bounce + this.#first.length);
    return layout.bounce;
  }

  #translate(lo: number, hi: number, walkKind: number): boolean {
    const cpu = this.#cpu;
    if (cpu.mmu.translate(lo, hi, pagingBank(currentBank(cpu.state)), walkKind)) return true;
    cpu.recordPageFault(lo, hi);
    return false;
  }

  /** What is left to check of an access whose pages allow it; false: recorded. */
  #examine(lo: number, hi: number, size: number, walkKind: number): boolean {
    const cpu = this.#cpu;
    if (failsAlignment(currentBank(cpu.state), lo, size)) {
      cpu.recordFault(vector.alignmentCheck, 0);
      return false;
    }
    if (!cpu.breakpoints.refuses(lo, hi, size, walkKind === access.write)) return true;
    cpu.recordFault(refused, 0);
    return false;
  }

  #nonCanonical(kind: number): number {
    const isStack = kind & slowKind.stack || this.#cpu.addressesThroughStack();
    this.#cpu.recordFault(isStack ? vector.stackFault : vector.generalProtection, 0);
    return 0;
  }
}

function setPiece(piece: BouncePiece, ram: number, physical: number, length: number): void {
  piece.ram = ram;
  piece.physical = physical;
  piece.length = length;
}
