/** What executes guest code, and is much to load: see `loadEngines`. */
export { InterpreterEngine, prepareInterpreter } from './interpreter/index.ts';
export { createJitEngine, JitEngine, ThreadWriter } from './jit/index.ts';
export { describeDifference, LockstepDifference, LockstepEngine } from './lockstep/index.ts';
