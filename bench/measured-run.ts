import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { endWithUs } from './end-with-us.ts';

export interface MeasuredRun {
  readonly status: number;
  readonly wallSeconds: number;
  /** User and system time of the program and its children. */
  readonly processorSeconds: number;
  /** From the start to the marker, when it was printed. */
  readonly markerSeconds: number | undefined;
  /** The end of what it printed. */
  readonly output: string;
}

export interface MeasuredRunOptions {
  /** A text to wait for on standard output. */
  readonly marker?: string;
  readonly timeoutSeconds: number;
}

const keptOutput = 4096;
/** A shell's `times` tells what Node does not: the time that an ended child has used. */
const script = '"$@" 3>&-; status=$?; times >&3; exit $status';

/** Runs a program to its end. Throws when it cannot be started or takes longer than the timeout. */
export async function measuredRun(command: readonly string[], options: MeasuredRunOptions): Promise<MeasuredRun> {
  const beginMs = performance.now();
  const seconds = (): number => (performance.now() - beginMs) / 1000;
  const child = spawn('sh', ['-c', script, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  endWithUs(child);
  let markerSeconds: number | undefined;
  let output = '';
  let times = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output = (output + bytes.toString('latin1')).slice(-keptOutput);
    if (options.marker !== undefined && output.includes(options.marker)) markerSeconds ??= seconds();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-keptOutput);
  });
  (child.stdio[3] as Readable).on('data', (bytes: Buffer) => {
    times += bytes.toString();
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // The shell's process group, which it leads.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, options.timeoutSeconds * 1000);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? 1));
    });
    const wallSeconds = seconds();
    if (isLate) throw failure(command, `it took longer than ${options.timeoutSeconds} s`, output);
    return { status, wallSeconds, processorSeconds: childSeconds(times), markerSeconds, output };
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong with a program, and the last that it said. */
export function failure(command: readonly string[], reason: string, output: string): Error {
  const said = output.trimEnd().split('\n').slice(-8).join('\n');
  return new Error(`Cannot measure "${command.join(' ')}": ${reason}${said === '' ? '' : `\n${said}`}`);
}

/** The second line of `times` is that of the children: user and system, as 0m1.230s. */
function childSeconds(times: string): number {
  const parts = [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) throw new RangeError(`Cannot read processor times: the shell says ${JSON.stringify(times)}`);
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0);
}
