import type { SampledFrame } from '../host/index.ts';

/** The folder of the sources, or of what they were built to. */
const root = new URL('../', import.meta.url).href;

const isUnder = (stack: readonly SampledFrame[], ...folders: readonly string[]): boolean =>
  stack.some(({ url }) => folders.some((folder) => url.startsWith(`${root}${folder}/`)));

/** What V8 says that it does when it runs no code of ours. */
const ofItself: Readonly<Record<string, string>> = {
  '(idle)': 'idle',
  '(garbage collector)': 'collection',
};
const compilers = ['Module', 'Instance'];

/**
 * What a running VM spends its time for, by the stack of a moment, the innermost frame first:
 *
 * | name | |
 * |---|---|
 * | interpreter | handlers, and the lookups and TLB misses of both engines |
 * | jit | translated code |
 * | translation, compilation | from guest code to Wasm; from Wasm to machine code, as far as this thread does it |
 * | devices | the machine behind the processor |
 * | helpers | the rest of what guest code calls: page walks, system and string instructions, faults in them |
 * | engine | between two pieces of guest code: decoding, interrupts, faults |
 * | collection, idle, other | V8's garbage collector; waiting; everything else |
 */
export function timeShare(stack: readonly SampledFrame[]): string {
  const [top] = stack;
  if (!top) return 'other';
  const own = ofItself[top.functionName];
  if (own !== undefined) return own;
  if (isUnder(stack, 'cpu/jit')) return compilers.includes(top.functionName) ? 'compilation' : 'translation';
  const wasm = stack.filter(({ url }) => url.startsWith('wasm:'));
  // The interpreter's module enters everything else.
  if (top === wasm[0]) return top.url === wasm.at(-1)?.url ? 'interpreter' : 'jit';
  if (isUnder(stack, 'machine', 'backends')) return 'devices';
  if (wasm.length > 0) return 'helpers';
  return isUnder(stack, 'cpu') ? 'engine' : 'other';
}
