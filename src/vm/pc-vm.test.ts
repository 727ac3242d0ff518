import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CodeInUse } from '../cpu/index.ts';
import { MemoryKeeper } from '../testing/memory-keeper.ts';
import { timerGuest, timerGuestExitPort, timerGuestMemoryBytes } from '../testing/timer-guest.ts';
import { createPcVm, type EngineName } from './pc-vm.ts';
import type { VmHost } from './vm-host.ts';

const host: VmHost = {
  nowNs: () => performance.now() * 1e6,
  yieldToHost: (callback) => void setImmediate(callback),
  sleep: (durationNs, callback) => {
    const timeout = setTimeout(callback, durationNs / 1e6);
    return () => clearTimeout(timeout);
  },
  wallClockMs: () => 0,
  readEntropy: () => 0n,
  resources: () => ({ processorSeconds: 0, peakRssBytes: 0 }),
};

/** Remembers what it was asked. */
class WatchedKeeper extends MemoryKeeper {
  readonly asked: string[] = [];

  override keep(code: CodeInUse): void {
    this.asked.push('keep');
    super.keep(code);
  }

  override close(): void {
    this.asked.push('close');
  }
}

function configOf(keeper: WatchedKeeper, kernel: Uint8Array, engine: EngineName) {
  return {
    memoryBytes: timerGuestMemoryBytes,
    boot: { kernel: { name: 'guest', bytes: kernel }, commandLine: '' },
    serialPorts: [{ read: () => new Uint8Array(), write: () => {}, onReadable: () => {} }] as const,
    debugExitPort: timerGuestExitPort,
    engine,
    openKeeper: async () => keeper,
  };
}

for (const [engine, asked] of [
  ['jit', ['keep', 'close']],
  ['interpreter', ['close']],
] as const) {
  test(`what the ${engine} has kept is closed when the guest has ended`, async () => {
    const keeper = new WatchedKeeper();
    const vm = await createPcVm(configOf(keeper, timerGuest('spin', 2), engine), host);
    assert.deepEqual(keeper.asked, []);

    vm.start();
    const end = await vm.ended;

    assert.equal(end.kind, 'debug-exit');
    assert.deepEqual(keeper.asked, asked);
  });
}

test('and when there is no guest, since its kernel is none', async () => {
  const keeper = new WatchedKeeper();

  await assert.rejects(createPcVm(configOf(keeper, new Uint8Array(4096), 'jit'), host), /guest/);

  assert.deepEqual(keeper.asked, ['close']);
});
