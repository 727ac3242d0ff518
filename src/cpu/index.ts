export {
  type BuiltInterpreter,
  InterpreterEngine,
  type InterpreterOptions,
  type PackedBlocks,
  prepareInterpreter,
  type TranslatedRegion,
} from './interpreter/index.ts';
export {
  type CpuBus,
  layout,
  type ProcessorModel,
  type ProcessorName,
  parseProcessor,
  processorModels,
  processorObstacle,
  type RamMap,
  type VcpuState,
  vcpuTlbBytes,
} from './isa/x86/index.ts';
export {
  type CodeInUse,
  createJitEngine,
  JitEngine,
  type JitOptions,
  type KeptModule,
  type ModuleInUse,
  type ModuleKeeper,
  type ModuleWriter,
  ThreadWriter,
  type TranslationKeeper,
} from './jit/index.ts';
export { describeDifference, LockstepDifference, LockstepEngine, type LockstepOptions } from './lockstep/index.ts';
export type { Vcpu, VcpuCounters, VcpuPeer, VcpuProgress, VcpuStop } from './vcpu.ts';
