export type { CodeTracker, CpuBus, CpuStop, DirectEntry, PortSize, RamMap, X86CpuOptions } from './contract.ts';
export { noErrorCode, vector } from './guest-fault.ts';
export type { SystemHelper, SystemHelperName } from './helpers.ts';
export { importHelper, systemHelpers } from './helpers.ts';
export type { VcpuState } from './saved-state.ts';
export { vcpuSchema } from './saved-state.ts';
export { X86Cpu } from './x86-cpu.ts';
export { gprNumber, X86State } from './x86-state.ts';
