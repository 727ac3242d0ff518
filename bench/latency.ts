/**
 * How late timers' interrupts are taken, by the guest's own clock: a guest arms its local APIC's timer and works
 * meanwhile. `node bench/latency.ts [interpreter|jit]` prints a line for each kind of work.
 */
import { createJitEngine, InterpreterEngine } from '../src/cpu/engines.ts';
import { type InterpreterOptions, layout } from '../src/cpu/index.ts';
import { nodeHost } from '../src/host/index.ts';
import {
  type TimerGuestWork,
  timerDelaysNs,
  timerGuest,
  timerGuestExitPort,
  timerGuestMemoryBytes,
  timerGuestWork,
} from '../src/testing/timer-guest.ts';
import { createPcVm } from '../src/vm/index.ts';

const samples = 4000;
const boundNs = 100_000;
const nothing = { read: () => new Uint8Array(), write: () => {}, onReadable: () => {} };

async function measure(work: TimerGuestWork, engineName: string): Promise<number[]> {
  let ram: DataView | undefined;
  const engine = (parts: InterpreterOptions): InterpreterEngine => {
    ram = new DataView(parts.memory.buffer, layout.ram);
    return engineName === 'interpreter' ? new InterpreterEngine(parts) : createJitEngine(parts);
  };
  const kernel = { name: work, bytes: timerGuest(work, samples) };
  const vm = await createPcVm(
    {
      memoryBytes: timerGuestMemoryBytes,
      boot: { kernel, commandLine: '' },
      serialPorts: [nothing],
      debugExitPort: timerGuestExitPort,
      engine,
    },
    nodeHost,
  );
  vm.start();
  const end = await vm.ended;
  if (end.kind !== 'debug-exit' || !ram) throw new Error(`Cannot measure "${work}": the guest ended with ${end.kind}`);
  return timerDelaysNs(ram, samples).sort((a, b) => a - b);
}

/** What the host's scheduler takes away from a program that does nothing but look at the clock. */
function describeHost(): string {
  const durationMs = 1000;
  const gapsMs: number[] = [];
  const begunMs = performance.now();
  for (let last = begunMs; last - begunMs < durationMs; ) {
    const now = performance.now();
    if ((now - last) * 1e6 > boundNs) gapsMs.push(now - last);
    last = now;
  }
  const share = (100 * gapsMs.reduce((sum, gap) => sum + gap, 0)) / durationMs;
  return `the host takes a loop without a machine away ${gapsMs.length} times a second, ${share.toFixed(1)} % of the time`;
}

const engineName = process.argv[2] ?? 'jit';
console.log(`microseconds after the deadline, ${engineName}, ${samples} timers of 5 to 267 microseconds each`);
console.log(describeHost());
for (const work of Object.keys(timerGuestWork) as TimerGuestWork[]) {
  const delays = await measure(work, engineName);
  const at = (share: number): string => ((delays[Math.floor(share * (samples - 1))] ?? 0) / 1000).toFixed(1);
  const late = delays.filter((ns) => ns > boundNs).length;
  console.log(
    `${work}: median ${at(0.5)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}, 99.9 % ${at(0.999)}, most ${at(1)}; later than 100: ${late}`,
  );
}
