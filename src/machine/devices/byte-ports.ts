import type { BusTarget } from '../bus/index.ts';

/** The registers of a part with an 8-bit data bus. */
export interface ByteRegisters {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

/** An 8-bit part on a wider bus: wider accesses become byte accesses at ascending offsets. */
export function bytePorts(registers: ByteRegisters): BusTarget {
  return {
    read(offset, size) {
      if (size === 1) return registers.read(offset);
      let value = 0;
      for (let i = 0; i < size; i++) value |= registers.read(offset + i) << (8 * i);
      return value >>> 0;
    },
    write(offset, size, value) {
      if (size === 1) {
        registers.write(offset, value & 0xff);
        return;
      }
      for (let i = 0; i < size; i++) registers.write(offset + i, (value >>> (8 * i)) & 0xff);
    },
  };
}
