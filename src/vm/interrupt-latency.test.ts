import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InterpreterOptions, layout, loadEngines } from '../cpu/index.ts';
import {
  countAt,
  type TimerGuestWork,
  timerDelaysNs,
  timerGuest,
  timerGuestExitPort,
  timerGuestMemoryBytes,
} from '../testing/timer-guest.ts';
import { createPcVm } from './pc-vm.ts';
import type { VmHost } from './vm-host.ts';

const { createJitEngine, InterpreterEngine } = await loadEngines();
const samples = 40;
const edi = 7;
const nothing = { read: () => new Uint8Array(), write: () => {}, onReadable: () => {} };

/** Time passes with what the guest has done: reads the clock in the middle of a slice too. */
class GuestClock implements VmHost {
  /** What the guest has done so far, in nanoseconds; it may fall when the guest begins anew. */
  progressNs = (): number => 0;
  #lastNs = 0;
  #now = 0;

  nowNs(): number {
    const progressNs = this.progressNs();
    this.#now += Math.max(0, progressNs - this.#lastNs);
    this.#lastNs = progressNs;
    return this.#now;
  }

  yieldToHost(callback: () => void): void {
    setImmediate(callback);
  }

  sleep = (): (() => void) => () => {};
  wallClockMs = (): number => 0;
  readEntropy = (): bigint => 0n;
  resources = () => ({ processorSeconds: 0, peakRssBytes: 0 });
}

const engines = {
  interpreter: (parts: InterpreterOptions) => new InterpreterEngine(parts),
  jit: (parts: InterpreterOptions) => createJitEngine(parts, { threshold: 50, batch: 1 }),
};
/** Of a repeated string instruction, by EDI: where it begins, and nanoseconds a byte. */
const strings: Readonly<Record<TimerGuestWork, { readonly begin: number; readonly speed: number }>> = {
  spin: { begin: 0, speed: 0 },
  'copy up': { begin: 0x800000, speed: 0.25 },
  'copy down': { begin: 0xbfffff, speed: -100 },
  'copy to the next byte': { begin: 0x400001, speed: 1 },
  scan: { begin: 0x400000, speed: 1 },
};
const countedNs = 10;

for (const [engineName, make] of Object.entries(engines)) {
  for (const [work, { begin, speed }] of Object.entries(strings)) {
    test(`the ${engineName} lets a timer's interrupt in within 100 µs of guest execution: ${work}`, async () => {
      const clock = new GuestClock();
      let ram: DataView | undefined;
      const config = {
        memoryBytes: timerGuestMemoryBytes,
        boot: { kernel: { name: 'timer', bytes: timerGuest(work as TimerGuestWork, samples) }, commandLine: '' },
        serialPorts: [nothing] as const,
        debugExitPort: timerGuestExitPort,
        engine: (parts: InterpreterOptions) => {
          const engine = make(parts);
          const view = new DataView(parts.memory.buffer, layout.ram);
          ram = view;
          const { state } = engine.cpu;
          const stringBytes = (): number => Number(state.gpr(edi) || BigInt(begin)) - begin;
          clock.progressNs = () => view.getUint32(countAt, true) * countedNs + stringBytes() * speed;
          return engine;
        },
      };
      const vm = await createPcVm(config, clock);

      vm.start();
      const end = await vm.ended;

      assert.equal(end.kind, 'debug-exit');
      const delays = timerDelaysNs(ram as unknown as DataView, samples);
      assert.ok(Math.min(...delays) >= 0, `early: ${delays}`);
      assert.ok(Math.max(...delays) < 100_000, `late: ${delays}`);
    });
  }
}
