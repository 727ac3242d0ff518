/** A thread with a memory of its own, seen from the one that started it. Messages are copied by structured clone. */
export interface Thread {
  onMessage: (message: unknown) => void;
  /** Called once when it has ended, by a failure or by `stop`: it answers no more. */
  onEnd: () => void;
  /** `transfer`: buffers that go over to it. */
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  stop(): void;
}

/** The other end of it: what a thread's module exports `serve` for. */
export interface ThreadPort {
  onMessage: (message: unknown) => void;
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
}

/** Starts a thread that imports a module by its URL and calls its `serve(port)`. */
export type ThreadStarter = (moduleUrl: string) => Thread;
