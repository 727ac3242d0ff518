import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Builds the program as it is now: what is measured starts as users start it. */
export function buildProgram(): void {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { status, error } = spawnSync('npm', ['run', '--silent', 'build'], { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error('Cannot build the program: "npm run build" failed', { cause: error });
}
