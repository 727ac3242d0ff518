export type { SerialPipeOptions } from './serial-pipe.ts';
export { SerialPipe } from './serial-pipe.ts';
