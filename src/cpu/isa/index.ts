export { asVal, asValue, bytesOf, type Operand, type Val, Value, type Width } from './values.ts';
export { type BranchWatcher, WasmEmitter } from './wasm-emitter.ts';
