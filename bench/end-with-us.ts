import type { ChildProcess } from 'node:child_process';

/** Ends a child, which leads a process group, when the bench ends before it. */
export function endWithUs(child: ChildProcess): void {
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  process.on('exit', end);
  const forget = (): void => {
    process.off('exit', end);
  };
  child.on('exit', forget);
  child.on('error', forget);
}
