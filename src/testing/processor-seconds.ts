import { readdirSync, readFileSync } from 'node:fs';

/** Processor time that the threads of a process have used, of those that have not ended. Linux only. */
export function processorSeconds(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds.reduce((sum, ns) => sum + Number(ns), 0) / 1e9;
}
