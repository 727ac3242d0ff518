import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { processorSeconds } from '../src/testing/processor-seconds.ts';
import { failure } from './measured-run.ts';
import { isGone, type MemoryMap, MemoryMeter, type MemoryUse } from './memory-meter.ts';

export interface PromptOptions extends MemoryMap {
  readonly command: readonly string[];
  readonly idleSeconds: number;
}

export interface PromptFigures {
  readonly memory: MemoryUse;
  /** Part of one CPU, in percent. */
  readonly idlePercent: number;
}

const promptText = /root@\S+# /;
const promptTimeoutMs = 300_000;
const sampleMs = 100;
/** What a guest still does after its prompt; and V8 collects its heap three times or so after a program became quiet. */
const settleMs = 20_000;

/** Boots a guest to its shell's prompt and leaves it alone: memory on the way, processor time at rest. */
export async function benchAtPrompt(options: PromptOptions): Promise<PromptFigures> {
  const { command, idleSeconds } = options;
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    await once(child, 'spawn');
    const meter = new MemoryMeter(child.pid ?? 0, options);
    await prompt(child, command, () => meter.sample());
    await delay(settleMs);
    const memory = meter.result();
    const beginMs = performance.now();
    const before = processorSeconds(child.pid ?? 0);
    await delay(idleSeconds * 1000);
    const used = processorSeconds(child.pid ?? 0) - before;
    return { memory, idlePercent: (100 * used) / ((performance.now() - beginMs) / 1000) };
  } finally {
    child.kill('SIGKILL');
  }
}

async function prompt(child: ChildProcess, command: readonly string[], sample: () => void): Promise<void> {
  let output = '';
  const take = (bytes: Buffer): void => {
    output = (output + bytes.toString('latin1')).slice(-4096);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const lateMs = performance.now() + promptTimeoutMs;
  while (!promptText.test(output)) {
    if (child.exitCode !== null || child.signalCode !== null) throw failure(command, 'it ended early', output);
    if (performance.now() > lateMs) throw failure(command, 'the guest did not reach its prompt', output);
    try {
      sample();
    } catch (error) {
      // The process may end under our hands: the next round tells.
      if (!isGone(error)) throw error;
    }
    await delay(sampleMs);
  }
}
