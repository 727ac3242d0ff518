export type { Clock, Timer, TimerClock } from './clock.ts';
export { TimerQueue } from './clock.ts';
export type { StateSchema } from './state.ts';
export { StateError } from './state.ts';
export type { Thread, ThreadPort, ThreadStarter } from './thread.ts';
