import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where Mezz keeps its files for this user: MEZZ_HOME, or the user's data folder. */
export function mezzHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.MEZZ_HOME) return env.MEZZ_HOME;
  const dataHome = env.XDG_DATA_HOME;
  // The XDG Base Directory Specification says to ignore a relative path.
  return join(dataHome && isAbsolute(dataHome) ? dataHome : join(homedir(), '.local/share'), 'mezz');
}
