import { type CpioEntry, writeCpio } from './cpio.ts';
import { initScript, runCommandScript, shellScript } from './guest-scripts.ts';

const directories = [
  'bin',
  'dev',
  'etc',
  'mezz',
  'proc',
  'root',
  'run',
  'sbin',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/sbin',
  'var',
];

const profile = `export PS1='\\u@\\h:\\w\\$ '
echo "Leave the shell, or type poweroff, to turn the machine off."
`;

/** The initial RAM file system of the default guest: busybox (a static binary) and the scripts that start it. */
export function defaultInitramfs(busybox: Uint8Array): Uint8Array {
  const program = (path: string, content: Uint8Array | string): CpioEntry => ({
    kind: 'file',
    path,
    mode: 0o755,
    content,
  });
  return writeCpio([
    ...directories.map((path): CpioEntry => ({ kind: 'directory', path, mode: path === 'tmp' ? 0o1777 : 0o755 })),
    { kind: 'characterDevice', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'characterDevice', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    program('bin/busybox', busybox),
    { kind: 'symlink', path: 'bin/sh', target: 'busybox' },
    { kind: 'symlink', path: 'sbin/init', target: '../bin/busybox' },
    program('init', initScript),
    program('mezz/shell', shellScript),
    program('mezz/run-command', runCommandScript),
    { kind: 'file', path: 'etc/profile', content: profile },
    { kind: 'file', path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\n' },
    { kind: 'file', path: 'etc/group', content: 'root:x:0:\n' },
    { kind: 'file', path: 'etc/hosts', content: '127.0.0.1 localhost mezz\n' },
  ]);
}

/**
 * An archive to append to the default initial RAM file system: the guest then runs `argv` instead of a shell, and
 * speaks the protocol of CommandSession. Throws RangeError when there is no command, or a name or value can't be passed.
 */
export function commandInitramfs(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Uint8Array {
  if (argv.length === 0) throw new RangeError('Cannot run a command in the guest: no command is given');
  const exports = Object.entries(env).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new RangeError(`Cannot pass variable ${JSON.stringify(name)} to the guest: not a variable name`);
    }
    return `export ${name}=${quoted(value)}\n`;
  });
  const content = `${exports.join('')}set -- ${argv.map(quoted).join(' ')}\n`;
  return writeCpio([
    { kind: 'directory', path: 'mezz' },
    { kind: 'file', path: 'mezz/command', mode: 0o600, content },
  ]);
}

/** As the shell reads it back: in single quotes, where only the quote itself is special. */
function quoted(text: string): string {
  if (text.includes('\0'))
    throw new RangeError(`Cannot pass ${JSON.stringify(text)} to the guest: it has a zero character`);
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Archives one after the other, each on a 4-byte boundary, as the kernel takes them. */
export function joinInitramfs(...archives: readonly Uint8Array[]): Uint8Array {
  const aligned = (size: number): number => Math.ceil(size / 4) * 4;
  const joined = new Uint8Array(archives.reduce((size, archive) => size + aligned(archive.length), 0));
  let at = 0;
  for (const archive of archives) {
    joined.set(archive, at);
    at += aligned(archive.length);
  }
  return joined;
}
