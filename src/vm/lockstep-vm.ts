import type { InterpreterEngine, LockstepEngine, LockstepOptions } from '../cpu/index.ts';
import { InstructionClock } from './instruction-clock.ts';
import { createPcVm, type EngineMaker, type PcVmConfig } from './pc-vm.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import type { VmHost } from './vm-host.ts';

export interface LockstepVmConfig extends Omit<PcVmConfig, 'engine'> {
  /** How eagerly the JIT translates. */
  readonly jit: { readonly threshold: number; readonly batch: number };
  readonly lockstep?: Omit<LockstepOptions, 'subject' | 'onProgress'>;
  /** Stops the VM, as by its user, after so many instructions. */
  readonly instructions?: number | undefined;
}

export interface LockstepVm {
  readonly vm: VirtualMachine;
  readonly engine: LockstepEngine;
}

/**
 * A PC whose JIT runs in lock-step with the interpreter, by a clock that counts instructions: the same configuration
 * runs the same way each time. A difference ends the VM as `failed` with a LockstepDifference.
 */
export async function createLockstepVm(
  config: LockstepVmConfig,
  host: Pick<VmHost, 'yieldToHost' | 'resources'>,
): Promise<LockstepVm> {
  const clock = new InstructionClock(host, () => vm.stop());
  let engine: LockstepEngine | undefined;
  const limit = config.instructions ?? Number.POSITIVE_INFINITY;
  const make: EngineMaker = (parts, { engines, keeper }) => {
    engine = new engines.LockstepEngine(parts, {
      ...config.lockstep,
      subject: (options): InterpreterEngine => engines.createJitEngine(options, { ...config.jit, keeper }),
      onProgress: ({ instructions }) => {
        clock.reached(instructions);
        if (instructions >= limit) vm.stop();
      },
    });
    return engine;
  };
  const vm = await createPcVm({ ...config, engine: make }, clock);
  if (!engine) throw new RangeError('Cannot run in lock-step: no engine was made');
  return { vm, engine };
}
