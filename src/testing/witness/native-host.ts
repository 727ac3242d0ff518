import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WitnessCase, WitnessOutcome } from './case.ts';
import type { WitnessUnit } from './encodings.ts';
import { decodeOutcome, encodeCase } from './protocol.ts';

/** Why there is no native witness of these units on this machine; undefined: there is one. */
export function nativeObstacle(units: readonly WitnessUnit[] = ['integer', 'sse', 'mmx']): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the host is no x86-64 Linux';
  const processor = readFileSync('/proc/cpuinfo', 'utf8');
  // Where the manual leaves a choice, our processor does what Intel's do. It leaves SSE none but for approximations.
  const isIntel = processor.includes('GenuineIntel');
  if (!isIntel && units.some((unit) => unit !== 'sse')) return 'the host processor is not one of Intel';
  const setsBases = /^flags.*\bfsgsbase\b/m.test(processor);
  if (!setsBases && units.includes('integer')) return 'the host does not let programs set segment bases';
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'gcc is missing';
  }
}

/** Compiles native.c and runs cases on it, a batch at a time. */
export class NativeHost {
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined;
  #exit: string | undefined;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'mezz-witness-'));
    const program = join(this.#folder, 'native');
    const source = join(import.meta.dirname, 'native.c');
    execFileSync('gcc', ['-O1', '-static-pie', '-fno-stack-protector', '-o', program, source], { stdio: 'inherit' });
    this.#process = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake?.();
    });
    this.#process.stdin?.on('error', () => {});
    this.#process.on('exit', (code, signal) => {
      this.#exit = `the native program ended with ${signal ?? code}`;
      this.#wake?.();
    });
  }

  async run(cases: readonly WitnessCase[]): Promise<WitnessOutcome[]> {
    const encoded = cases.map(encodeCase);
    const head = new Uint32Array([cases.length, encoded.reduce((sum, bytes) => sum + bytes.length, 0)]);
    this.#process.stdin?.write(Buffer.concat([new Uint8Array(head.buffer), ...encoded]));
    const answer = await this.#take(8);
    const body = await this.#take(answer.readUInt32LE(4));
    const outcomes: WitnessOutcome[] = [];
    for (let at = 0; at < body.length; ) {
      const { outcome, next } = decodeOutcome(body, at);
      outcomes.push(outcome);
      at = next;
    }
    return outcomes;
  }

  close(): void {
    this.#process.stdin?.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#length < length) {
      if (this.#exit) throw new Error(`Cannot run witness cases: ${this.#exit}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    this.#length = all.length - length;
    if (this.#length > 0) this.#chunks.push(all.subarray(length));
    return all.subarray(0, length);
  }
}
