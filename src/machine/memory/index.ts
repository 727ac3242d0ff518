export type { DirtyLog, Gpa, GuestMemory, PageSet, RamRange } from './guest-memory.ts';
export { gpa } from './guest-memory.ts';
export type { BackedRamRange, HostWriteListener, LinearGuestMemoryOptions } from './linear-guest-memory.ts';
export { backingSizeBytes, LinearGuestMemory } from './linear-guest-memory.ts';
