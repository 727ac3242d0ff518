export { AddressSpace, AddressTakenError } from './address-space.ts';
export type { AccessSize, BusTarget, IrqLine } from './bus-target.ts';
