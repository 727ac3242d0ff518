export { FunctionBody } from './function.ts';
export { customSection, ModuleBuilder } from './module.ts';
export { memoryOpcodes, type Opcode, opcodes, type WasmType } from './opcodes.ts';
export { type WasmLine, wasmText } from './text.ts';
