import { FileError } from '../host/index.ts';
import { ImageDamagedError, ImageNotFoundError, ImagePullError } from '../images/index.ts';
import { AddressTakenError } from '../machine/bus/index.ts';
import { BootImageError } from '../machine/firmware/index.ts';
import { DebugProtocolError, MemorySizeError } from '../vm/index.ts';

/** Arguments that make no sense. */
export class UsageError extends Error {
  constructor(action: string, reason: string) {
    super(`Cannot ${action}: ${reason}`);
    this.name = 'UsageError';
  }
}

/** What a user can put right; anything else is our own mistake. */
const userErrors = [
  UsageError,
  FileError,
  BootImageError,
  MemorySizeError,
  AddressTakenError,
  DebugProtocolError,
  ImageNotFoundError,
  ImageDamagedError,
  ImagePullError,
];

export const isUserError = (error: unknown): error is Error => userErrors.some((kind) => error instanceof kind);

/** Tells on standard error what went wrong, in one line. Returns the exit status. */
export function reportError(error: unknown): number {
  const isDebugging = process.env.MEZZ_DEBUG === '1';
  if (isUserError(error)) {
    process.stderr.write(`mezz: ${oneLine(error.message)}\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    const hint = isDebugging ? '' : ' (this is a mistake in mezz; MEZZ_DEBUG=1 shows where)';
    process.stderr.write(`mezz: Internal error: ${oneLine(message)}${hint}\n`);
  }
  if (isDebugging && error instanceof Error) process.stderr.write(`${describeWithCauses(error)}\n`);
  return isUserError(error) ? 2 : 1;
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, '; ');

function describeWithCauses(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${describeWithCauses(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
