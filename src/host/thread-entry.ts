import { workerData } from 'node:worker_threads';
import type { ThreadPort } from '../base/index.ts';
import { compileEagerly } from './engine-flags.ts';
import type { ThreadStart } from './threads.ts';

/** The first module of a thread: has the one that it was started for serve. */
const { moduleUrl, port } = workerData as ThreadStart;
const threadPort: ThreadPort = {
  onMessage: () => {},
  post: (message, transfer) => port.postMessage(message, [...transfer]),
};
const { serve } = (await import(moduleUrl)) as { serve(port: ThreadPort): void };
serve(threadPort);
port.once('message', compileEagerly);
port.on('message', (message) => threadPort.onMessage(message));
