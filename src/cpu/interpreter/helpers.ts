import {
  divide128,
  gatherHelpers,
  LinearBytes,
  maskedStore,
  raiseMathFault,
  segment,
  sseHelpers,
  stringHelpers,
  systemHelpers,
  vectorHelpers,
  type X86Cpu,
  X87,
  x87Helpers,
} from '../isa/x86/index.ts';

export type BoundHelper = (a: number, b: number, c: number) => number;
type Helper = (cpu: X86Cpu, a: number, b: number, c: number) => number | void;

const vectorGeneralProtection = 13;

const integerHelpers: Readonly<Record<string, Helper>> = {
  divide128,
  maskedStore,
  segmentAddress: (cpu, packed, offset) => cpu.segmentAddress(packed, offset),
};

const onCpu: Readonly<Record<string, Helper>> = {
  ...systemHelpers,
  ...stringHelpers,
  ...integerHelpers,
  ...sseHelpers,
  ...vectorHelpers,
  ...gatherHelpers,
};

/** Every helper that an instruction may call. */
export const helperNames: readonly string[] = [...new Set([...Object.keys(onCpu), ...Object.keys(x87Helpers)])];

/** What helpers work on: the processor whose turn it is. */
export interface HelperTarget {
  readonly cpu: X86Cpu;
  readonly fpu: X87;
}

/** The x87 unit of a processor. */
export function fpuOf(cpu: X86Cpu): X87 {
  const linear = new LinearBytes(cpu);
  return new X87(cpu.state.buffer, linear, {
    raiseMathFault: () => raiseMathFault(cpu),
    endMathFault: () => void cpu.bus.setFerr(false),
    raiseGeneralProtection: () => cpu.raise(vectorGeneralProtection, 0),
    hasCompaction: cpu.has('xsavec'),
    addressingForm: () => addressingForm(cpu, linear),
  });
}

/**
 * The TypeScript helpers that generated code calls. Guest faults thrown inside are recorded for the engine; `afterCall` runs
 * behind every call that did not fault.
 */
export function bindHelpers(
  target: HelperTarget,
  names: readonly string[],
  afterCall: () => void,
): Record<string, BoundHelper> {
  const bound: Record<string, BoundHelper> = {};
  for (const name of names) {
    const helper = onCpu[name];
    const onFpu = x87Helpers[name];
    if (helper) bound[name] = guarded(target, helper, afterCall);
    else if (onFpu) bound[name] = guarded(target, (_cpu, a, b, c) => onFpu(target.fpu, a, b, c), afterCall);
    else throw new RangeError(`Cannot bind helper "${name}": no such helper`);
  }
  return bound;
}

/** Mod and R/M of the x87 instruction at RIP: whatever stands before the escape opcode is a prefix. */
function addressingForm({ state }: X86Cpu, linear: LinearBytes): number {
  const start = state.rip + BigInt(state.segmentBase(segment.cs));
  const byteAt = (at: bigint): number => linear.read(BigInt.asUintN(64, start + at), 1)[0] ?? 0;
  let at = 0n;
  while (at < 13n && (byteAt(at) & 0xf8) !== 0xd8) at++;
  return byteAt(at + 1n) & 0xc7;
}

function guarded(target: HelperTarget, helper: Helper, afterCall: () => void): BoundHelper {
  return (a, b, c) => {
    try {
      const result = helper(target.cpu, a, b, c);
      afterCall();
      return result === undefined ? 0 : result | 0;
    } catch (error) {
      target.cpu.catchFault(error);
      return 0;
    }
  };
}
