import type { AccessSize, BusTarget } from './bus-target.ts';

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly target: BusTarget;
}

/** A range that somebody else answers for. */
export class AddressTakenError extends RangeError {
  readonly address: number;

  constructor(space: string, address: number, takenFirst: number, takenLast: number) {
    const range = `0x${takenFirst.toString(16)}-0x${takenLast.toString(16)}`;
    super(`Cannot attach at 0x${address.toString(16)} of ${space}: ${range} is taken`);
    this.name = 'AddressTakenError';
    this.address = address;
  }
}

const openBus = [0, 0xff, 0xffff, 0, 0xffffffff] as const;

/** Ports or MMIO addresses and who answers there. Where nobody does, reads are all ones and writes are lost. */
export class AddressSpace {
  readonly #name: string;
  #mappings: Mapping[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Throws AddressTakenError when the range overlaps one that is attached already. */
  attach(start: number, sizeBytes: number, target: BusTarget): void {
    const end = start + sizeBytes;
    const clash = this.#mappings.find((m) => start < m.end && m.start < end);
    if (clash) throw new AddressTakenError(this.#name, start, clash.start, clash.end - 1);
    this.#mappings.push({ start, end, target });
    this.#mappings.sort((a, b) => a.start - b.start);
  }

  read(address: number, size: AccessSize): number {
    const mapping = this.#find(address);
    if (mapping && address + size <= mapping.end) return mapping.target.read(address - mapping.start, size) >>> 0;
    if (size === 1) return openBus[1];
    return this.#readBytes(address, size);
  }

  write(address: number, size: AccessSize, value: number): void {
    const mapping = this.#find(address);
    if (mapping && address + size <= mapping.end) mapping.target.write(address - mapping.start, size, value >>> 0);
    else if (size > 1) this.#writeBytes(address, size, value);
  }

  /** An access that no single target covers is made of byte accesses, as an ISA bridge does. */
  #readBytes(address: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.read(address + i, 1);
    return value;
  }

  #writeBytes(address: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.write(address + i, 1, (value >>> (8 * i)) & 0xff);
  }

  #find(address: number): Mapping | undefined {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mapping = this.#mappings[middle];
      if (mapping && mapping.end <= address) low = middle + 1;
      else high = middle;
    }
    const mapping = this.#mappings[low];
    return mapping && mapping.start <= address ? mapping : undefined;
  }
}
