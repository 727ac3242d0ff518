import { layout, segment } from './layout.ts';
import { locateLinear } from './linear-bytes.ts';
import { modeKey } from './mode.ts';
import { formOf } from './string-operand.ts';
import { requireSegmentAddress, type X86Cpu } from './system/index.ts';

const kind = { read: 0, write: 1 } as const;

/** Single elements of guest memory, each by the offset in a segment where it begins: what faults throws. */
export class VectorElements {
  readonly #cpu: X86Cpu;
  readonly #bytes: number;
  readonly #segment: number;
  readonly #addressBits: number;

  /** `form`: see `repeats` in row.ts. */
  constructor(cpu: X86Cpu, form: number, bytes: number) {
    const { addressBytes, segment: number } = formOf(form);
    this.#cpu = cpu;
    this.#bytes = bytes;
    this.#segment = number;
    this.#addressBits = 8 * addressBytes;
  }

  /** An effective address. What lies behind it in the same operand does not begin again at the end of its size. */
  wrapped(address: bigint): bigint {
    return BigInt.asUintN(this.#addressBits, address);
  }

  read(offset: bigint): Uint8Array {
    const host = this.#locate(offset, kind.read);
    return this.#cpu.state.u8.slice(host, host + this.#bytes);
  }

  checkWrite(offset: bigint): void {
    this.#locate(offset, kind.write);
  }

  write(offset: bigint, value: Uint8Array): void {
    const host = this.#locate(offset, kind.write);
    this.#cpu.state.u8.set(value, host);
    if (host === layout.bounce) this.#cpu.flushBounce();
  }

  /** Where an element is to be accessed in linear memory. */
  #locate(offset: bigint, access: number): number {
    return locateLinear(this.#cpu, this.#linear(offset, access), this.#bytes, access);
  }

  #linear(offset: bigint, access: number): bigint {
    const { state } = this.#cpu;
    if ((state.word(layout.modeKey) & modeKey.codeMask) !== modeKey.code64) {
      const packed = this.#segment | (access << 8) | (this.#bytes << 16);
      return BigInt(requireSegmentAddress(this.#cpu, packed, Number(BigInt.asUintN(32, offset))));
    }
    if (this.#segment < segment.fs) return offset;
    return BigInt.asUintN(64, offset + state.view.getBigUint64(layout.segmentBase + 8 * this.#segment, true));
  }
}
