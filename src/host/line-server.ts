import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FileError } from './files.ts';

export interface LineServerOptions {
  /** Of a Unix socket, which is made. */
  readonly path: string;
  /** What it is for, for messages: "debug socket". */
  readonly what: string;
  /** Longer lines end their connection. */
  readonly longestLineBytes: number;
  readonly answer: (line: string) => string;
  /** A connection ends after so long, whatever its peer does. */
  readonly longestConnectionMs?: number;
}

/** Others wait at the door. */
const mostConnections = 4;
const longestConnectionMs = 30_000;
/** Answering takes this part of the time at most: there is other work to do. */
const restFactor = 9;

/**
 * Answers lines with lines on a Unix socket that only its owner may use, from the event loop. A peer has one line
 * answered at a time, the next once it has read the answer: what peers do costs a bounded amount of memory and time.
 */
export class LineServer {
  readonly #options: LineServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #removeAtExit = (): void => this.#remove();
  #isOpen = false;
  /** Nothing is answered before. */
  #restsUntilMs = 0;

  private constructor(options: LineServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = mostConnections;
  }

  /** Replaces a socket that nobody listens at any more. Throws FileError. */
  static async open(options: LineServerOptions): Promise<LineServer> {
    const { path, what } = options;
    try {
      await removeStaleSocket(path);
      const server = new LineServer(options);
      await server.#listen();
      return server;
    } catch (cause) {
      throw new FileError(`open ${what}`, path, cause);
    }
  }

  /** Ends all connections and removes the socket. */
  close(): void {
    if (!this.#isOpen) return;
    for (const socket of this.#sockets) socket.destroy();
    this.#remove();
    this.#server.close();
    process.off('exit', this.#removeAtExit);
  }

  async #listen(): Promise<void> {
    const { path } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).once('listening', resolve);
    const mask = process.umask(0o177); // Nobody else connects between its making and `chmod`.
    try {
      this.#server.listen(path);
    } finally {
      process.umask(mask);
    }
    await promise;
    this.#server.on('error', () => {}); // Of a connection that could not be accepted.
    this.#server.unref();
    chmodSync(path, 0o600);
    this.#isOpen = true;
    process.on('exit', this.#removeAtExit);
  }

  #remove(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      unlinkSync(this.#options.path);
    } catch {
      // Somebody else was faster.
    }
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const end = setTimeout(() => socket.destroy(), this.#options.longestConnectionMs ?? longestConnectionMs);
    end.unref();
    socket.unref();
    let received = Buffer.alloc(0);
    let isAnswering = false;
    const answerNext = (): void => {
      const length = received.indexOf(10);
      if (isAnswering || socket.destroyed) return;
      if (length > this.#options.longestLineBytes || (length < 0 && received.length > this.#options.longestLineBytes)) {
        socket.destroy();
        return;
      }
      if (length < 0) {
        socket.resume();
        return;
      }
      const line = received.toString('utf8', 0, length);
      received = received.subarray(length + 1);
      isAnswering = true;
      socket.pause();
      this.#afterRest(() => {
        if (socket.destroyed) return;
        socket.write(`${this.#answer(line)}\n`, () => {
          isAnswering = false;
          answerNext();
        });
      });
    };
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      answerNext();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(end);
      this.#sockets.delete(socket);
    });
  }

  /** Calls back when it is time for the next answer. */
  #afterRest(callback: () => void): void {
    const waitMs = this.#restsUntilMs - performance.now();
    if (waitMs <= 0) callback();
    else setTimeout(() => this.#afterRest(callback), waitMs).unref();
  }

  #answer(line: string): string {
    const begunMs = performance.now();
    try {
      return this.#options.answer(line);
    } finally {
      const endedMs = performance.now();
      this.#restsUntilMs = endedMs + restFactor * (endedMs - begunMs);
    }
  }
}

/** Throws the system's error, or one of its kind, when the path is taken. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error('there is something that is no socket');
  if (await isListenedAt(path)) throw new Error('another program listens there');
  unlinkSync(path);
}

function isListenedAt(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
