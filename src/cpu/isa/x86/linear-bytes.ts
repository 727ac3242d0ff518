import { layout } from './layout.ts';
import { requireAlignment, type X86Cpu } from './system/index.ts';
import type { GuestLinear } from './x87/index.ts';

const kind = { read: 0, write: 1, readWrite: 2 } as const;
const pageBytes = 0x1000;
const pieceBytes = 16;
/** Of the x87 environment and state with operands of 16 and 32 bits (SDM 3A, table 6-7); the rest checks itself. */
const alignments: Readonly<Record<number, number>> = { 14: 2, 94: 2, 28: 4, 108: 4 };

/** Where up to 64 bytes are to be accessed in linear memory, `layout.bounce` where that is no plain RAM; throws GuestFault. */
export function locateLinear(cpu: X86Cpu, linear: bigint, bytes: number, accessKind: number): number {
  const low = Number(BigInt.asIntN(32, linear));
  const high = cpu.isCode64 ? Number(BigInt.asIntN(32, linear >> 32n)) : 0;
  const host = cpu.slowAccess(low, high, bytes, accessKind) >>> 0;
  if (host === 0) cpu.rethrowFault();
  return host;
}

/** Of an operand in RAM: linear-memory offsets of it and of its part in a second page, 0: there is none. */
interface Places {
  readonly first: number;
  readonly firstBytes: number;
  readonly second: number;
}

/** Large operands (FXSAVE images, environments) in guest memory; every byte is checked before the first is written. */
export class LinearBytes implements GuestLinear {
  readonly #cpu: X86Cpu;

  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
  }

  read(linear: bigint, bytes: number): Uint8Array {
    this.#requireAlignment(linear, bytes);
    const places = this.#places(linear, bytes, kind.read);
    return places ? this.#gather(places, bytes) : this.#readByPieces(linear, bytes, kind.read);
  }

  update(linear: bigint, bytes: number, change: (data: Uint8Array) => void): void {
    const places = this.#places(linear, bytes, kind.readWrite);
    if (places && places.second === 0) {
      this.#cpu.mmu.noteWrite(places.first, bytes);
      change(this.#cpu.state.u8.subarray(places.first, places.first + bytes));
      return;
    }
    const data = places ? this.#gather(places, bytes) : this.#readByPieces(linear, bytes, kind.readWrite);
    change(data);
    if (places) this.#scatter(places, data);
    else this.#writeByPieces(linear, data);
  }

  write(linear: bigint, data: Uint8Array): void {
    this.#requireAlignment(linear, data.length);
    const places = this.#places(linear, data.length, kind.write);
    if (places) this.#scatter(places, data);
    else this.#writeByPieces(linear, data);
  }

  /**
   * Where an operand lies that is in one page of RAM, or in two; undefined: it goes by pieces, each of which may be of a
   * device. A kernel's switch of processes saves and loads such an operand each (pipe row of the bench).
   */
  #places(linear: bigint, size: number, accessKind: number): Places | undefined {
    const toEnd = pageBytes - Number(BigInt.asUintN(12, linear));
    const firstBytes = Math.min(size, toEnd);
    if (size - firstBytes > pageBytes || this.#isWatched(linear)) return undefined;
    const first = this.#locate(linear, 1, accessKind);
    if (first === layout.bounce) return undefined;
    if (firstBytes === size) return { first, firstBytes, second: 0 };
    const next = linear + BigInt(firstBytes);
    if (this.#isWatched(next)) return undefined;
    const second = this.#locate(next, 1, accessKind);
    return second === layout.bounce ? undefined : { first, firstBytes, second };
  }

  #gather({ first, firstBytes, second }: Places, bytes: number): Uint8Array {
    const { u8 } = this.#cpu.state;
    const data = u8.slice(first, first + bytes);
    if (second !== 0) data.set(u8.subarray(second, second + bytes - firstBytes), firstBytes);
    return data;
  }

  #scatter({ first, firstBytes, second }: Places, data: Uint8Array): void {
    const { state, mmu } = this.#cpu;
    mmu.noteWrite(first, firstBytes);
    if (second === 0) {
      state.u8.set(data, first);
      return;
    }
    mmu.noteWrite(second, data.length - firstBytes);
    state.u8.set(data.subarray(0, firstBytes), first);
    state.u8.set(data.subarray(firstBytes), second);
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

  #writeByPieces(linear: bigint, data: Uint8Array): void {
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
    return locateLinear(this.#cpu, linear, size, accessKind);
  }
}
