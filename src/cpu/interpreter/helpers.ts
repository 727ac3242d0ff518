import {
  divide128,
  LinearBytes,
  maskedStore,
  segment,
  sseHelpers,
  stringHelpers,
  systemHelpers,
  type X86Cpu,
  X87,
  x87Helpers,
} from '../isa/x86/index.ts';

export type BoundHelper = (a: number, b: number, c: number) => number;
type Helper = (cpu: X86Cpu, a: number, b: number, c: number) => number | void;

const vectorMathFault = 16;
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
};

/** Every helper that an instruction may call. */
export const helperNames: readonly string[] = [...new Set([...Object.keys(onCpu), ...Object.keys(x87Helpers)])];

/**
 * The TypeScript helpers that generated code calls, bound to one processor. Guest faults thrown inside are recorded for
 * the engine; `afterCall` runs behind every call
 * that did not fault.
 */
export function bindHelpers(cpu: X86Cpu, names: readonly string[], afterCall: () => void): Record<string, BoundHelper> {
  const linear = new LinearBytes(cpu);
  const fpu = new X87(cpu.state.buffer, linear, {
    raiseMathFault: () => cpu.raise(vectorMathFault),
    raiseGeneralProtection: () => cpu.raise(vectorGeneralProtection, 0),
    addressingForm: () => addressingForm(cpu, linear),
  });
  const bound: Record<string, BoundHelper> = {};
  for (const name of names) {
    const helper = onCpu[name];
    const onFpu = x87Helpers[name];
    if (helper) bound[name] = guarded(cpu, helper, afterCall);
    else if (onFpu) bound[name] = guarded(cpu, (_cpu, a, b, c) => onFpu(fpu, a, b, c), afterCall);
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

function guarded(cpu: X86Cpu, helper: Helper, afterCall: () => void): BoundHelper {
  return (a, b, c) => {
    try {
      const result = helper(cpu, a, b, c);
      afterCall();
      return result === undefined ? 0 : result | 0;
    } catch (error) {
      cpu.catchFault(error);
      return 0;
    }
  };
}
