// The two ways to the registers of a local APIC. Intel SDM volume 3A, section 11.4.1 "The local APIC block diagram" (the page
// of xAPIC mode) and section 11.12.1 "Detecting and enabling x2APIC mode" and what follows it (model-specific registers).

import type { BusTarget } from '../bus/index.ts';
import type { ApicBase } from './apic-base.ts';
import type { ApicCommandRegister } from './apic-command.ts';
import {
  apicRegister,
  x2ApicAbsent,
  x2ApicMsrFirst,
  x2ApicMsrLast,
  x2ApicReadOnly,
  x2ApicWriteOnly,
} from './apic-registers.ts';

/** The registers by their offsets in the page. */
export interface ApicRegisters {
  readonly mode: Pick<ApicBase, 'hasPage'>;
  /** undefined: there is no such register. */
  read(offset: number): number | undefined;
  /** False when there is no such register, or none that can be written. */
  write(offset: number, value: number): boolean;
  readonly command: ApicCommandRegister;
  interruptSelf(vector: number): void;
  onIllegalRegister(): void;
}

/** The 4 KiB page, which answers in xAPIC mode only. Registers are 32 bits wide at 16-byte steps; parts of one can be read. */
export function apicPage(registers: ApicRegisters): BusTarget {
  return {
    read(offset, size) {
      if (!registers.mode.hasPage) return 2 ** (8 * size) - 1;
      const value = offset & 0xc ? 0 : registers.read(offset & 0xff0);
      if (value === undefined) {
        registers.onIllegalRegister();
        return 0;
      }
      return size === 4 ? value : (value >>> (8 * (offset & 3))) & (size === 1 ? 0xff : 0xffff);
    },
    write(offset, size, value) {
      if (!registers.mode.hasPage || size !== 4 || offset & 15) return;
      if (!registers.write(offset, value)) registers.onIllegalRegister();
    },
  };
}

/** Whether a model-specific register is one of x2APIC mode's. */
export const isX2ApicMsr = (index: number): boolean => index >= x2ApicMsrFirst && index <= x2ApicMsrLast;

const offsetOf = (index: number): number => (index - x2ApicMsrFirst) * 16;

/** In x2APIC mode; undefined means #GP(0). */
export function readX2Apic(registers: ApicRegisters, index: number): bigint | undefined {
  const offset = offsetOf(index);
  const { command } = registers;
  if (offset === apicRegister.commandLow) return BigInt(command.low) | (BigInt(command.high) << 32n);
  if (x2ApicAbsent.has(offset) || x2ApicWriteOnly.has(offset)) return undefined;
  const value = registers.read(offset);
  return value === undefined ? undefined : BigInt(value >>> 0);
}

/** In x2APIC mode; false means #GP(0). */
export function writeX2Apic(registers: ApicRegisters, index: number, value: bigint): boolean {
  const offset = offsetOf(index);
  const low = Number(value & 0xffffffffn);
  if (offset === apicRegister.commandLow) {
    registers.command.high = Number((value >> 32n) & 0xffffffffn);
    registers.command.send(low, true);
    return true;
  }
  if (value >> 32n !== 0n || x2ApicAbsent.has(offset) || x2ApicReadOnly(offset)) return false;
  if (offset === apicRegister.selfIpi) {
    registers.interruptSelf(low & 0xff);
    return true;
  }
  const mustBeZero = offset === apicRegister.eoi || offset === apicRegister.errorStatus;
  if (mustBeZero && low !== 0) return false;
  return registers.write(offset, low);
}
