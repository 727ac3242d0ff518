import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SerialPipe } from '../../src/backends/index.ts';
import type { Thread } from '../../src/base/index.ts';
import { nodeHost, readUserFile, startThread } from '../../src/host/index.ts';
import { commandInitramfs, ImageStore, joinInitramfs, unpackKernel } from '../../src/images/index.ts';
import { createPcVm } from '../../src/vm/index.ts';
import { wantsImage } from './support/mezz.ts';

const mebibyte = 2 ** 20;

test('a Debian kernel boots with its code translated in a thread', { skip: wantsImage('debian') }, async () => {
  const threads: { answers: number; isOver: boolean }[] = [];
  const startWatched = (moduleUrl: string): Thread => {
    const thread = startThread(moduleUrl);
    const seen = { answers: 0, isOver: false };
    threads.push(seen);
    return {
      post: (message, transfer) => thread.post(message, transfer),
      stop: () => {
        seen.isOver = true;
        thread.stop();
      },
      set onMessage(take: (message: unknown) => void) {
        thread.onMessage = (message) => {
          seen.answers++;
          take(message);
        };
      },
      set onEnd(end: () => void) {
        thread.onEnd = end;
      },
    };
  };
  const image = await new ImageStore().open('debian');
  const kernelPath = image.unpackedKernelPath ?? image.kernelPath;
  const initrd = joinInitramfs(await readUserFile('initial RAM disk', image.initrdPath), commandInitramfs(['true']));
  let console = '';
  const onOutput = (bytes: Uint8Array): void => {
    console += new TextDecoder().decode(bytes);
  };

  const vm = await createPcVm(
    {
      memoryBytes: 256 * mebibyte,
      boot: {
        kernel: { name: kernelPath, bytes: await readUserFile('kernel', kernelPath) },
        initrd: { name: image.initrdPath, bytes: initrd },
        commandLine: 'console=ttyS0 panic=-1',
        unpack: unpackKernel,
      },
      serialPorts: [new SerialPipe({ onOutput })],
    },
    { ...nodeHost, startThread: startWatched },
  );
  vm.stopAfter(240);
  vm.start();
  const end = await vm.ended;

  assert.equal(end.kind, 'power-off', console.slice(-500));
  const [thread, ...others] = threads;
  const { translatedModules = 0 } = vm.statistics().counters;
  assert.equal(others.length, 0);
  assert.equal(thread?.isOver, true);
  // The first answer says that it is ready; what was hot before that was translated without it.
  assert.ok(thread.answers > 20, `${thread.answers} answers, ${translatedModules} modules`);
  assert.ok(translatedModules >= thread.answers - 1);
});
