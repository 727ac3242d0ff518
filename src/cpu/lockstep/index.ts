export type { FieldDifference } from './compare.ts';
export { LockstepDifference, type LockstepSlice } from './difference.ts';
export { LockstepEngine, type LockstepOptions } from './engine.ts';
export { describeDifference } from './report.ts';
