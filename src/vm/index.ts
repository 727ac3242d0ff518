export { type ProcessorModel, type ProcessorName, processorObstacle } from '../cpu/index.ts';
export type { BootFile, BootImage, BootSource } from './boot-image.ts';
export type { DebugAnswer, DebugQuestion, Translations } from './debug-protocol.ts';
export {
  answerDebugLine,
  answerDebugQuestion,
  DebugProtocolError,
  longestDebugAnswer,
  longestDebugQuestion,
  readDebugAnswer,
  writeDebugQuestion,
} from './debug-protocol.ts';
export { MemorySizeError, memoryMaxBytes } from './linear-memory.ts';
export type { LockstepVm, LockstepVmConfig } from './lockstep-vm.ts';
export { createLockstepVm } from './lockstep-vm.ts';
export type { EngineMaker, EngineName, PcVmConfig } from './pc-vm.ts';
export { createPcVm, mostCpus } from './pc-vm.ts';
export type { VmStatistics } from './statistics.ts';
export type { VmParts } from './virtual-machine.ts';
export { VirtualMachine } from './virtual-machine.ts';
export type { VmEnd } from './vm-end.ts';
export type { HostResources, VmHost } from './vm-host.ts';
export type { VmState } from './vm-state.ts';
export { VmStateError, vmTransitions } from './vm-state.ts';
