import { layout } from './layout.ts';
import { requireAlignment, type X86Cpu } from './system/index.ts';
import type { GuestLinear } from './x87/index.ts';

const kind = { read: 0, write: 1, readWrite: 2 } as const;
const pieceBytes = 16;
/** Of the x87 environment and state with operands of 16 and 32 bits (SDM 3A, table 6-7); the rest checks itself. */
const alignments: Readonly<Record<number, number>> = { 14: 2, 94: 2, 28: 4, 108: 4 };

/** Large operands (FXSAVE images, environments) in guest memory; every byte is checked before the first is written. */
export class LinearBytes implements GuestLinear {
  readonly #cpu: X86Cpu;

  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
  }

  read(linear: bigint, bytes: number): Uint8Array {
    this.#requireAlignment(linear, bytes);
    const whole = this.#locateInPage(linear, bytes, kind.read);
    return whole !== 0 ? this.#cpu.state.u8.slice(whole, whole + bytes) : this.#readByPieces(linear, bytes, kind.read);
  }

  update(linear: bigint, bytes: number, change: (data: Uint8Array) => void): void {
    const whole = this.#locateInPage(linear, bytes, kind.readWrite);
    if (whole !== 0) {
      this.#cpu.mmu.noteWrite(whole, bytes);
      change(this.#cpu.state.u8.subarray(whole, whole + bytes));
      return;
    }
    const data = this.#readByPieces(linear, bytes, kind.readWrite);
    change(data);
    this.write(linear, data);
  }

  #readByPieces(linear: bigint, bytes: number, accessKind: number): Uint8Array {
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += pieceBytes) {
      const size = Math.min(pieceBytes, bytes - at);
      const host = this.#locate(linear + BigInt(at), size, accessKind);
      data.set(this.#cpu.state.u8.subarray(host, host + size), at);
    }
    return data;
  }

  write(linear: bigint, data: Uint8Array): void {
    this.#requireAlignment(linear, data.length);
    const whole = this.#locateInPage(linear, data.length, kind.write);
    if (whole !== 0) {
      this.#cpu.mmu.noteWrite(whole, data.length);
      this.#cpu.state.u8.set(data, whole);
      return;
    }
    for (let at = 0; at < data.length; at += pieceBytes) {
      this.#locate(linear + BigInt(at), Math.min(pieceBytes, data.length - at), kind.write);
    }
    for (let at = 0; at < data.length; at += pieceBytes) {
      const piece = data.subarray(at, at + pieceBytes);
      const host = this.#locate(linear + BigInt(at), piece.length, kind.write);
      this.#cpu.state.u8.set(piece, host);
      if (host === layout.bounce) this.#cpu.flushBounce();
    }
  }

  /** Where an operand lies that does not leave its page of RAM; else 0: it goes by pieces (pipe row of the bench). */
  #locateInPage(linear: bigint, size: number, accessKind: number): number {
    if (Number(BigInt.asUintN(12, linear)) + size > 0x1000) return 0;
    if (this.#isWatched(linear)) return 0;
    const host = this.#locate(linear, 1, accessKind);
    return host === layout.bounce ? 0 : host;
  }

  #requireAlignment(linear: bigint, bytes: number): void {
    const alignment = alignments[bytes];
    if (alignment !== undefined) requireAlignment(this.#cpu, Number(BigInt.asUintN(12, linear)), alignment);
  }

  #isWatched(linear: bigint): boolean {
    const { breakpoints, isCode64 } = this.#cpu;
    if (!breakpoints.watchesData) return false;
    const high = isCode64 ? Number(BigInt.asIntN(32, linear >> 32n)) : 0;
    return breakpoints.isDataPage(Number(BigInt.asIntN(32, linear)), high);
  }

  #locate(linear: bigint, size: number, accessKind: number): number {
    const low = Number(BigInt.asIntN(32, linear));
    const high = this.#cpu.isCode64 ? Number(BigInt.asIntN(32, linear >> 32n)) : 0;
    const host = this.#cpu.slowAccess(low, high, size, accessKind) >>> 0;
    if (host === 0) this.#cpu.rethrowFault();
    return host;
  }
}
