// Which local APICs a message is for. Intel SDM volume 3A, sections 11.6.2 and 11.12.10.

import { apicBroadcast } from './apic-bus.ts';

/** How a local APIC is addressed; both registers belong to xAPIC mode only. */
export interface ApicAddress {
  readonly id: number;
  readonly isX2Apic: boolean;
  /** LDR and DFR. */
  readonly logicalDestination: number;
  readonly destinationFormat: number;
}

const flatModel = 0xf;

/** In x2APIC mode the logical ID follows from the ID: a cluster of 16, and a bit in it. */
export const x2ApicLogicalId = (id: number): number => (((id >>> 4) << 16) | (1 << (id & 15))) >>> 0;

export function isApicAddressed(own: ApicAddress, destination: number, isLogical: boolean): boolean {
  if (!isLogical) return destination === own.id || destination === apicBroadcast;
  if (own.isX2Apic) {
    const logicalId = x2ApicLogicalId(own.id);
    if (destination === apicBroadcast) return true;
    return destination >>> 16 === logicalId >>> 16 && (destination & logicalId & 0xffff) !== 0;
  }
  const logicalId = own.logicalDestination >>> 24;
  if (own.destinationFormat >>> 28 === flatModel) return (destination & logicalId & 0xff) !== 0;
  const cluster = (destination >> 4) & 15;
  return (cluster === 15 || cluster === logicalId >> 4) && (destination & logicalId & 15) !== 0;
}
