export { InterpreterEngine, type InterpreterOptions } from './interpreter/index.ts';
export { type CpuBus, layout, type RamMap, type VcpuState } from './isa/x86/index.ts';
export { createJitEngine, type JitOptions } from './jit/index.ts';
export type { Vcpu, VcpuCounters, VcpuStop } from './vcpu.ts';
