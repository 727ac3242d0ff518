export { asVal, asValue, bytesOf, type Operand, type Val, Value, type Width } from './values.ts';
export { WasmEmitter } from './wasm-emitter.ts';
