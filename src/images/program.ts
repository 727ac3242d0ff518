import type { Readable } from 'node:stream';

/** A program of the host that is missing, or that failed. */
export class ProgramError extends Error {
  readonly program: string;
  readonly exitCode: number | undefined;
  /** What it wrote to its standard error. */
  readonly complaint: string;

  constructor(program: string, reason: string, details: { exitCode?: number; complaint?: string; cause?: unknown }) {
    super(`Cannot run "${program}": ${reason}`, { cause: details.cause });
    this.name = 'ProgramError';
    this.program = program;
    this.exitCode = details.exitCode;
    this.complaint = details.complaint ?? '';
  }
}

export interface ProgramOptions {
  readonly folder?: string | undefined;
  /** Takes the lines that the program writes to file descriptor 3. */
  readonly onStatusLine?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and returns its standard output. Throws ProgramError when it fails, or is not there. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const { folder, onStatusLine, signal } = options;
  // Loaded here, as most runs start no program.
  const { spawn } = await import('node:child_process');
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...(folder === undefined ? {} : { cwd: folder }),
    ...(signal === undefined ? {} : { signal }),
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(startError(program, cause)));
    child.once('close', resolve);
  });
  const [output, complaint, , exitCode] = await Promise.all([
    readText(child.stdout as Readable),
    readText(child.stderr as Readable),
    readLines(child.stdio[3] as Readable, onStatusLine ?? (() => {})),
    exit,
  ]);
  if (exitCode === 0) return output;
  const reason = firstError(complaint) ?? `it ended with status ${exitCode}`;
  throw new ProgramError(program, reason, { ...(exitCode === null ? {} : { exitCode }), complaint });
}

/** The first line that apt marks as an error; else the last line. */
function firstError(complaint: string): string | undefined {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  const marked = lines.find((line) => line.startsWith('E: '))?.slice(3);
  return marked ?? lines.at(-1);
}

/** A missing program is told apart; an aborted one rejects with the AbortError as it is. */
export function startError(program: string, cause: Error & { code?: string }): Error {
  if (cause.name === 'AbortError') return cause;
  const reason = cause.code === 'ENOENT' ? 'it is not installed' : 'it does not start';
  return new ProgramError(program, reason, { cause });
}

export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  }
}
