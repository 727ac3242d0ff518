import { MessageChannel, Worker } from 'node:worker_threads';
import type { Thread } from '../base/index.ts';

/** Of V8's heaps in a thread, in MiB: what it drops soon must not grow the process. */
const heapLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 } as const;

/** What a thread is told when it starts. */
export interface ThreadStart {
  readonly moduleUrl: string;
  readonly port: MessagePort;
}

type MessagePort = MessageChannel['port1'];

/** The module that every thread begins with, as compiled or as written, whichever this is. */
function entryModule(): URL {
  const own = import.meta.url;
  return new URL(`./thread-entry${own.slice(own.lastIndexOf('.'))}`, own);
}

/** Starts a thread of Node that serves with a module (base's ThreadStarter). It does not keep the program from ending. */
export function startThread(moduleUrl: string): Thread {
  const { port1, port2 } = new MessageChannel();
  const start: ThreadStart = { moduleUrl, port: port2 };
  const worker = new Worker(entryModule(), {
    workerData: start,
    transferList: [port2],
    resourceLimits: heapLimits,
    execArgv: [],
  });
  const thread: Thread = {
    onMessage: () => {},
    onEnd: () => {},
    post: (message, transfer) => port1.postMessage(message, [...transfer]),
    stop: () => void worker.terminate(),
  };
  port1.on('message', (message) => thread.onMessage(message));
  // Its user goes on without it: slower, and somebody should know why.
  worker.on('error', (error) => process.emitWarning(`A thread has failed and is done without: ${error.message}`));
  worker.on('exit', () => {
    port1.close();
    thread.onEnd();
  });
  worker.unref();
  port1.unref();
  return thread;
}
