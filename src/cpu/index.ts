import type * as Engines from './engines.ts';

export type {
  BuiltInterpreter,
  InterpreterEngine,
  InterpreterOptions,
  PackedBlocks,
  TranslatedRegion,
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
export type {
  CodeInUse,
  JitEngine,
  JitOptions,
  KeptModule,
  ModuleInUse,
  ModuleKeeper,
  ModuleWriter,
  ThreadWriter,
  TranslationKeeper,
} from './jit/index.ts';
export type { LockstepDifference, LockstepEngine, LockstepOptions } from './lockstep/index.ts';
export type { Vcpu, VcpuCounters, VcpuPeer, VcpuProgress, VcpuStop } from './vcpu.ts';

export type { Engines };

/**
 * Loads the engines. With the instruction tables they are nine tenths of the program; the memory of a VM can be made without
 * them, and be filled while they are loaded.
 */
export const loadEngines = (): Promise<typeof Engines> => import('./engines.ts');
