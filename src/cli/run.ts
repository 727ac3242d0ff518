import { readBootFiles } from './boot-files.ts';
import { exitStatus } from './exit-status.ts';
import { table } from './help.ts';
import { QuitSignals } from './quit-signals.ts';
import { runCommand } from './run-command.ts';
import { runConsole } from './run-console.ts';
import { readRunOptions, runOptionTable } from './run-options.ts';
import type { Verb } from './verb.ts';

export const runVerb: Verb = {
  name: 'run',
  summary: 'Runs a guest: the default image, or another image, or a kernel of your own.',
  operands: '[IMAGE]',
  options: runOptionTable,
  takesCommand: true,
  notes: [
    'The terminal becomes the console of the guest: Ctrl-A x quits, Ctrl-A ? explains.',
    [
      'With a COMMAND the guest runs it instead of a shell: standard input, output and error are passed through, and',
      "the exit status is the command's (128 + n when signal n ended it, 127 when there is no such command).",
    ].join('\n'),
    [
      'Exit status:',
      ...table(Object.values(exitStatus).map(({ status, meaning }) => [String(status), meaning])),
      ...table([['V', 'what was written to the debug-exit port, as (V << 1) | 1']]),
    ].join('\n'),
  ],
  async run(parsed) {
    const options = readRunOptions(parsed);
    return QuitSignals.during(async (signals) => {
      const boot = await readBootFiles(options, signals.signal);
      const run = options.command ? runCommand : runConsole;
      return run({ options, boot, signals });
    });
  },
};
