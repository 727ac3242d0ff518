/** A copy of the sources to be changed, and runs of its tests. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mutated, mutationFile, readTarget } from './apply.ts';
import type { Check, Mutation } from './mutation.ts';

const root = resolve(import.meta.dirname, '../../..');
const copied = ['src', 'tests', 'fixtures', 'package.json'];
/** A change may make a guest run for ever. */
const timeoutMs = 300_000;

/** `broken`: nothing was tested, or the sources do not even load. */
export type Outcome = 'pass' | 'fail' | 'timeout' | 'broken';

export class Scratch {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mezz-mutation-'));

  constructor() {
    for (const name of copied) cpSync(join(root, name), join(this.#folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs a check on the sources as they are. */
  run({ file, only }: Check): Promise<Outcome> {
    const pattern = only === undefined ? [] : [`--test-name-pattern=${only}`];
    const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...pattern, file], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    return new Promise((done) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        done(signal === null ? judge(output, status) : 'timeout');
      });
    });
  }

  /** Runs the check of a mutation with the mutation in place. */
  async runMutated(mutation: Mutation): Promise<Outcome> {
    const source = readTarget(this.#folder, mutation);
    const target = mutationFile(this.#folder, mutation);
    writeFileSync(target, mutated(mutation, source));
    try {
      return await this.run(mutation.check);
    } finally {
      writeFileSync(target, source);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A wrong instruction is no error of the language. */
const brokenSources = /SyntaxError|ReferenceError|TypeError|CompileError|ERR_MODULE_NOT_FOUND/;

function judge(output: string, status: number | null): Outcome {
  if (brokenSources.test(output)) return 'broken';
  const tests = /^# tests (\d+)/m.exec(output)?.[1];
  if (tests === undefined || tests === '0') return 'broken';
  return status === 0 ? 'pass' : 'fail';
}
