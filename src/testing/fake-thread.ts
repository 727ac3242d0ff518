import type { Thread, ThreadPort } from '../base/index.ts';
import { ThreadWriter } from '../cpu/jit/index.ts';
import { serve } from '../cpu/jit/translation-thread.ts';

/** A thread that translates, run by hand: it answers when the test says so. Messages are cloned as a real one's. */
export class FakeThread implements Thread {
  onMessage: (message: unknown) => void = () => {};
  onEnd: () => void = () => {};
  isStopped = false;
  readonly #answers: unknown[] = [];
  readonly #port: ThreadPort = { onMessage: () => {}, post: (message) => void this.#answers.push(message) };

  constructor() {
    serve(this.#port);
  }

  get answers(): number {
    return this.#answers.length;
  }

  post(message: unknown, transfer: readonly ArrayBuffer[]): void {
    this.#port.onMessage(structuredClone(message, { transfer: [...transfer] }));
  }

  /** Hands over what it has to say. */
  deliver(): void {
    for (const answer of this.#answers.splice(0)) this.onMessage(answer);
  }

  stop(): void {
    this.isStopped = true;
  }
}

/** Writes as a thread does, and answers at once. */
export function promptThreadWriter(): ThreadWriter {
  const thread = new FakeThread();
  const post = thread.post.bind(thread);
  thread.post = (message, transfer) => {
    post(message, transfer);
    thread.deliver();
  };
  const writer = new ThreadWriter(() => thread);
  writer.prepare();
  thread.deliver();
  return writer;
}
