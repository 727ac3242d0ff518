/** Registers A to D of an MC146818, and their bits. */
export const controlRegister = { a: 0x0a, b: 0x0b, c: 0x0c, d: 0x0d } as const;

export const registerA = { updateInProgress: 0x80, divider: 0x70, dividerRunning: 0x20, rate: 0x0f } as const;
export const registerB = {
  set: 0x80,
  periodicInterrupt: 0x40,
  alarmInterrupt: 0x20,
  updateInterrupt: 0x10,
  squareWave: 0x08,
  binary: 0x04,
  hours24: 0x02,
  format: 0x06,
} as const;
/** The interrupt flags of register C have their enables at the same bits of register B. */
export const registerC = { interrupt: 0x80, periodic: 0x40, alarm: 0x20, update: 0x10, flags: 0x70 } as const;
export const registerD = { validRam: 0x80 } as const;
