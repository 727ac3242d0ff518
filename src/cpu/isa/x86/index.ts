export { flagsOf, flagWords } from './arithmetic-flags.ts';
export { cachedDecoder } from './decode-cache.ts';
export { Decoder } from './decoder.ts';
export { describeRegisters, registerNames } from './describe.ts';
export { divide128 } from './divide.ts';
export { type Effects, effectsOf, effectsWith } from './effects.ts';
export { effort } from './effort.ts';
export { type Feature, keyHas, modelHas, modelObstacle, type ProcessorModel, processorModels } from './features.ts';
export {
  type FlagForm,
  firstCarryForm,
  flagForm,
  flagsOfForm,
  originForm,
  originForms,
  originOfForm,
  wideFormBits,
} from './flag-forms.ts';
export { flagsFromWords, wordsFromFlags } from './flags.ts';
export { formatInstruction } from './format.ts';
export { gatherHelpers } from './gather.ts';
export { type EffectiveAddress, type Instruction, noRegister, type RegisterNumbers, ripBase } from './instruction.ts';
export {
  attention,
  flag,
  largestBudget,
  layout,
  noLookupKey,
  noStackPage,
  segment,
  tlb,
  upperPart,
  vcpuStateBytes,
  vcpuTlbBytes,
} from './layout.ts';
export { LinearBytes } from './linear-bytes.ts';
export { maskedStore } from './masked-store.ts';
export { vectorHelpers } from './masked-vector.ts';
export { modeKey } from './mode.ts';
export { endAlarm, setMxcsr } from './mxcsr.ts';
export type { Candidate, OpcodeMap, OpcodeMapName, VexForm } from './opcode-map.ts';
export { accessOf, emitInstruction, type OperandSource, stateAccess } from './operand-access.ts';
export {
  type HypervisorInterface,
  type ProcessorName,
  parseProcessor,
  processorObstacle,
} from './processor.ts';
export { x86Families, x86OpcodeMaps, x86Rows, x86ShapesText } from './rows.ts';
export { emitSegmentAddress } from './segment-address.ts';
export { type SharedScope, takeResults } from './shared-function.ts';
export { sharedFunction, sharedFunctions } from './shared-functions.ts';
export { isWild, sseHelpers } from './sse/index.ts';
export { stringHelpers } from './strings.ts';
export * from './system/index.ts';
export type { FlagOrigin, FlagVals, FloatElements, MemoryType, Shape, WritableMemory, X86Target } from './target.ts';
export { accessKind, emitSecondProbe, emitTlbEntry, emitTlbProbe } from './tlb-probe.ts';
export type { ImmediateEncoding, RecordField, Variant, VariantOperand } from './variant.ts';
export { X87, x87Helpers } from './x87/index.ts';
