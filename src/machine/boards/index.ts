export type { Board, BoardListeners, CpuInputs } from './board.ts';
export type { PcConfig, PcHost } from './pc.ts';
export { createPcBoard } from './pc.ts';
export { ramRangesFor } from './ram-layout.ts';
