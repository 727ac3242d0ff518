import { reportError, UsageError } from './errors.ts';
import { generalHelp, verbHelp, version } from './help.ts';
import { imagePullVerb, imageRemoveVerb, imagesVerb } from './image-verbs.ts';
import { lockstepVerb } from './lockstep.ts';
import { runVerb } from './run.ts';
import { translateVerb } from './translate.ts';
import { parseVerbArguments, type Verb } from './verb.ts';

const verbs = [runVerb, imagesVerb, imagePullVerb, imageRemoveVerb, lockstepVerb, translateVerb];

/** Returns the exit status. */
async function main(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === '--version' || first === '-V') return print(version());
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const named = first === 'help' ? findVerb(argv.slice(1)) : undefined;
    return print(named ? verbHelp(named.verb) : generalHelp(verbs));
  }
  const found = findVerb(argv);
  if (!found) return failForWantOfVerb(argv);
  const parsed = parseVerbArguments(found.verb, found.rest);
  return parsed === 'help' ? print(verbHelp(found.verb)) : found.verb.run(parsed);
}

function findVerb(argv: readonly string[]): { verb: Verb; rest: readonly string[] } | undefined {
  for (const verb of verbs) {
    const words = verb.name.split(' ');
    if (words.every((word, i) => argv[i] === word)) return { verb, rest: argv.slice(words.length) };
  }
  return undefined;
}

/** "mezz image" alone, or with --help, names several verbs. */
function failForWantOfVerb(argv: readonly string[]): number {
  const [first = '', second] = argv;
  const family = verbs.filter(({ name }) => name.startsWith(`${first} `));
  if (family.length > 0 && (second === '--help' || second === '-h')) return print(family.map(verbHelp).join('\n\n'));
  const names = (family.length > 0 ? family : verbs).map(({ name }) => `"mezz ${name}"`).join(', ');
  const said = family.length > 0 && second !== undefined ? `${first} ${second}` : first;
  throw new UsageError(`understand "mezz ${said}"`, `there are ${names}; see "mezz --help"`);
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Runs what the arguments ask for, and ends this process. */
export function runProgram(argv: readonly string[]): void {
  process.on('uncaughtException', (error) => process.exit(reportError(error)));
  // What a full pipe or a gone reader makes of our last words is nobody's concern.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  main(argv).then(
    (status) => process.exit(status),
    (error) => process.exit(reportError(error)),
  );
}
