import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Feature, x86Rows } from '../../cpu/isa/x86/index.ts';
import type { WitnessCase, WitnessMode, WitnessOutcome } from './case.ts';
import type { WitnessUnit } from './encodings.ts';
import type { HostLimits } from './generator.ts';
import { asCode64, type HostCase } from './host-case.ts';
import { decodeOutcome, encodeCase } from './protocol.ts';
import { unlikeIntel } from './vendor.ts';

/** What the host lets programs do: see `probe` in native.c. */
interface HostProgram {
  readonly path: string;
  readonly abilities: ReadonlySet<string>;
}

let compiled: HostProgram | undefined;

/** Compiles native.c, once in a process. */
function hostProgram(): HostProgram {
  if (compiled) return compiled;
  const folder = mkdtempSync(join(tmpdir(), 'mezz-witness-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'native');
  const source = join(import.meta.dirname, 'native.c');
  execFileSync('gcc', ['-O1', '-static-pie', '-fno-stack-protector', '-o', path, source], { stdio: 'inherit' });
  const abilities = new Set(execFileSync(path, ['probe'], { encoding: 'utf8' }).trim().split(' '));
  compiled = { path, abilities };
  return compiled;
}

const processorInfo = (): string => readFileSync('/proc/cpuinfo', 'utf8');

const allUnits: readonly WitnessUnit[] = ['integer', 'sse', 'mmx', 'avx'];

/** Why there is no native witness of these units on this machine, of code of this mode; undefined: there is one. */
export function nativeObstacle(mode: WitnessMode = 64, units: readonly WitnessUnit[] = allUnits): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the host is no x86-64 Linux';
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'gcc is missing';
  }
  const { abilities } = hostProgram();
  if (!abilities.has('bases') && units.includes('integer')) return 'the host does not let programs set segment bases';
  return mode !== 16 || runsOldCode() ? undefined : 'the host runs 64-bit programs only';
}

const runsOldCode = (): boolean => ['local-segments', 'code32'].every((name) => hostProgram().abilities.has(name));

/** The case as this host can run it; undefined: it cannot. */
export function hostCaseOf(test: WitnessCase): HostCase | undefined {
  return test.mode === 64 || runsOldCode() ? { native: test, ours: test } : asCode64(test);
}

/** What this host does otherwise, or cannot do. */
export function hostLimits(): HostLimits {
  const names: string[] = [];
  const isIntel = processorInfo().includes('GenuineIntel');
  if (!isIntel) names.push(...differentVendor);
  if (!hostProgram().abilities.has('local-segments')) names.push(...ofLocalSegments);
  const features = new Set(/^flags\s*:(.*)$/m.exec(processorInfo())?.[1]?.trim().split(' '));
  for (const { name, feature } of x86Rows) if (feature && !hasFeature(features, feature)) names.push(name);
  return { without: new Set(names), within: isIntel ? {} : unlikeIntel };
}

/** What Linux calls a feature of ours. */
const linuxNames: Partial<Record<Feature, string>> = {
  lahf64: 'lahf_lm',
  sse3: 'pni',
  sse41: 'sse4_1',
  sse42: 'sse4_2',
  sha: 'sha_ni',
};
/** Features that the host may not show though programs can use them: found by use. */
const byUse: Partial<Record<Feature, string>> = { fsgsbase: 'bases', lzcnt: 'lzcnt' };

function hasFeature(flags: ReadonlySet<string>, feature: Feature): boolean {
  const ability = byUse[feature];
  return ability === undefined ? flags.has(linuxNames[feature] ?? feature) : hostProgram().abilities.has(ability);
}

/** #UD in long mode on AMD's processors. */
const differentVendor = ['sysexit'];
const ofLocalSegments = 'mov_to_seg pop_seg lfs lgs lar lsl verr verw'.split(' ');

/** Compiles native.c and runs cases on it, a batch at a time. */
export class NativeHost {
  readonly #process: ChildProcess;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined;
  #exit: string | undefined;

  constructor() {
    this.#process = spawn(hostProgram().path, { stdio: ['pipe', 'pipe', 'inherit'] });
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
