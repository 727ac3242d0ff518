import type { CpuBus } from '../isa/x86/index.ts';

/** One thing that a processor asked of its surroundings, and what it got. */
export interface BusCall {
  readonly name: keyof CpuBus;
  readonly args: readonly (number | bigint)[];
  readonly result: number | bigint | boolean | undefined;
}

type AnyMethod = (...args: (number | bigint)[]) => BusCall['result'];

const names: readonly (keyof CpuBus)[] = [
  'readPort',
  'writePort',
  'readMmio',
  'writeMmio',
  'nowNs',
  'wallClockMs',
  'acknowledgeInterrupt',
  'readMsr',
  'writeMsr',
  'readCr8',
  'writeCr8',
  'setFerr',
  'readEntropy',
];

/** A bus whose calls all go to one function. */
const busOf = (call: (name: keyof CpuBus, args: (number | bigint)[]) => BusCall['result']): CpuBus =>
  Object.fromEntries(
    names.map((name) => [name, (...args: (number | bigint)[]) => call(name, args)]),
  ) as unknown as CpuBus;

/**
 * A bus in front of another one that tells of each call once it is answered. Devices that ask the processor (for its
 * time-stamp counter) while they answer are not the processor's own calls.
 */
export function recordingBus(bus: CpuBus, onCall: (call: BusCall) => void): CpuBus {
  let isAnswering = false;
  return busOf((name, args) => {
    const method = (bus[name] as AnyMethod).bind(bus);
    if (isAnswering) return method(...args);
    isAnswering = true;
    try {
      const result = method(...args);
      onCall({ name, args, result });
      return result;
    } finally {
      isAnswering = false;
    }
  });
}

/** A bus with nothing behind it: `answer` knows what was answered to the same call before. */
export function replayingBus(answer: (asked: Omit<BusCall, 'result'>) => BusCall['result']): CpuBus {
  return busOf((name, args) => answer({ name, args }));
}

export const isSameCall = (a: Omit<BusCall, 'result'>, b: Omit<BusCall, 'result'>): boolean =>
  a.name === b.name && a.args.length === b.args.length && a.args.every((arg, i) => arg === b.args[i]);

export function describeCall({ name, args, result }: Omit<BusCall, 'result'> & Partial<BusCall>): string {
  const show = (value: BusCall['result']): string =>
    typeof value === 'number' || typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value);
  return `${name}(${args.map(show).join(', ')})${result === undefined ? '' : ` = ${show(result)}`}`;
}
