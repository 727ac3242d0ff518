export type VmState = 'created' | 'running' | 'paused' | 'stopped' | 'failed';

/** Which state may follow which. */
export const vmTransitions = {
  created: ['running', 'paused', 'stopped', 'failed'],
  running: ['paused', 'stopped', 'failed'],
  paused: ['running', 'stopped', 'failed'],
  stopped: [],
  failed: ['stopped'],
} as const satisfies Record<VmState, readonly VmState[]>;

/** An action that the VM's state does not allow. */
export class VmStateError extends Error {
  readonly from: VmState;
  readonly to: VmState;

  constructor(from: VmState, to: VmState) {
    super(`Cannot make the VM ${to}: it is ${from}`);
    this.name = 'VmStateError';
    this.from = from;
    this.to = to;
  }
}

export function isLegalTransition(from: VmState, to: VmState): boolean {
  const next: readonly VmState[] = vmTransitions[from];
  return next.includes(to);
}
