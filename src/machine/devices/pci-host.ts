// PCI host bridge: configuration mechanism #1. PCI Local Bus Specification 3.0, section 3.2.2.3.2; the bridge itself as
// an 82441FX (Intel 440FX data sheet, section 3.2) that has nothing behind it but itself.

import type { BusTarget } from '../bus/index.ts';
import type { SavedDevice } from './device.ts';
import { type StateOf, stateSchema, unsigned } from './state-fields.ts';

export const pciConfigDataPorts = 4;

const enable = 0x80000000;
/** Enable, bus, device, function and register; bits 1-0 come from the data port's offset. */
const addressBits = 0x80fffffc;
const registerBits = 0xfc;

/** The bridge's configuration header: vendor 8086, device 1237, class 060000 (host bridge), revision 2. */
const header: Readonly<Record<number, number>> = { 0: 0x12378086, 4: 0x02000006, 8: 0x06000002 };

export const pciHostSchema = stateSchema('pci-host', 1, { address: unsigned(0xffffffff) });
export type PciHostState = StateOf<typeof pciHostSchema>;

export class PciHost implements SavedDevice<PciHostState> {
  readonly name = 'pci-host';
  readonly schema = pciHostSchema;
  /** CONFIG_ADDRESS answers to whole double words only. */
  readonly configAddress: BusTarget = {
    read: (offset, size) => (offset === 0 && size === 4 ? this.#address : 2 ** (8 * size) - 1),
    write: (offset, size, value) => {
      if (offset === 0 && size === 4) this.#address = (value & addressBits) >>> 0;
    },
  };
  /** CONFIG_DATA. The bridge's registers are read-only, and nobody else is there. */
  readonly configData: BusTarget = {
    read: (offset, size) => ((this.#selected() >>> (8 * offset)) & (2 ** (8 * size) - 1)) >>> 0,
    write: () => {},
  };
  #address = 0;

  reset(): void {
    this.#address = 0;
  }

  save(): PciHostState {
    return { address: this.#address };
  }

  restore(state: PciHostState): void {
    this.#address = pciHostSchema.decode(pciHostSchema.version, state).address;
  }

  /** The double word that the address selects: all ones where there is no function. */
  #selected(): number {
    const isBridge = ((this.#address ^ enable) & ~registerBits) === 0;
    return isBridge ? (header[this.#address & registerBits] ?? 0) : 0xffffffff;
  }
}
