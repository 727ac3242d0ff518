export { InterpreterEngine, type InterpreterOptions } from './engine.ts';
