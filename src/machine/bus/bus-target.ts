export type AccessSize = 1 | 2 | 4;

/** A device's window on a bus. Offsets are into its own range; never absolute addresses. Values are unsigned. */
export interface BusTarget {
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** A wire. */
export interface IrqLine {
  set(level: boolean): void;
}
