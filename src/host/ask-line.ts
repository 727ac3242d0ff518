import { connect } from 'node:net';
import { FileError } from './files.ts';

export interface LineQuestion {
  /** Of the Unix socket where somebody answers. */
  readonly path: string;
  /** What it is for, for messages: "debug socket". */
  readonly what: string;
  readonly line: string;
  readonly longestAnswerBytes: number;
  readonly timeoutMs: number;
}

/** Sends a line and resolves to the line that answers it. Rejects with FileError. */
export function askLine({ path, what, line, longestAnswerBytes, timeoutMs }: LineQuestion): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const pieces: Buffer[] = [];
  let length = 0;
  const socket = connect(path);
  const fail = (reason: string | Error): void => {
    socket.destroy();
    clearTimeout(timeout);
    reject(new FileError(`ask at ${what}`, path, typeof reason === 'string' ? new Error(reason) : reason));
  };
  const timeout = setTimeout(() => fail(`no answer in ${timeoutMs / 1000} s`), timeoutMs);
  socket.on('connect', () => socket.write(`${line}\n`));
  socket.on('data', (bytes) => {
    const end = bytes.indexOf(10);
    pieces.push(end < 0 ? bytes : bytes.subarray(0, end));
    length += bytes.length;
    if (length > longestAnswerBytes) fail(`the answer is longer than ${longestAnswerBytes} bytes`);
    else if (end >= 0) {
      socket.destroy();
      clearTimeout(timeout);
      resolve(Buffer.concat(pieces).toString('utf8'));
    }
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    fail(error.code === 'ECONNREFUSED' ? 'nobody listens there' : error);
  });
  socket.on('end', () => fail('the connection ended without an answer'));
  return promise;
}
