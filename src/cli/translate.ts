import { SerialPipe } from '../backends/index.ts';
import type { TranslatedRegion } from '../cpu/index.ts';
import { nodeHost } from '../host/index.ts';
import {
  answerDebugQuestion,
  createPcVm,
  type DebugAnswer,
  type DebugQuestion,
  type EngineMaker,
  type Translations,
} from '../vm/index.ts';
import { readBootFiles } from './boot-files.ts';
import { askGuest } from './debug-socket.ts';
import { UsageError } from './errors.ts';
import { say } from './exit-status.ts';
import { QuitSignals } from './quit-signals.ts';
import type { RunOptions } from './run-options.ts';
import { readTranslateOptions, type TranslateOptions, translateOptionTable } from './translate-options.ts';
import type { Verb } from './verb.ts';

const notFoundStatus = 1;

export const translateVerb: Verb = {
  name: 'debug translate',
  summary: 'Runs a guest for a while, or looks at a running one, and shows what the JIT made of its code.',
  operands: '[IMAGE]',
  options: translateOptionTable,
  notes: [
    [
      'Each guest instruction is followed by its Wasm, in the order of the Wasm. The list says for each region where it',
      'was entered first, its mode, how many pages it spans and in how many places it may be entered.',
    ].join('\n'),
  ],
  async run(parsed) {
    const options = readTranslateOptions(parsed);
    return QuitSignals.during((signals) => look(options, signals));
  },
};

/** Where listings come from: a guest that ran here, or one that runs elsewhere. */
type Ask = (question: DebugQuestion) => Promise<DebugAnswer>;

async function look({ guest, region }: TranslateOptions, signals: QuitSignals): Promise<number> {
  const isRunning = 'socket' in guest;
  const ask: Ask = isRunning ? (question) => askGuest(guest.socket, question) : await runGuest(guest, signals);
  const answer = await ask(region === undefined ? { ask: 'regions' } : { ask: 'region', rip: region });
  return show(answer, region);
}

/** Runs a guest and stops it. */
async function runGuest({ run, input }: { run: RunOptions; input: string }, signals: QuitSignals): Promise<Ask> {
  const boot = await readBootFiles(run, signals.signal);
  const console = new SerialPipe({ onOutput: () => {} });
  console.send(new TextEncoder().encode(input));
  const { memoryBytes, cpu, debugExitPort, timeoutSeconds = 5 } = run;
  let translations: Translations | undefined;
  const keep: EngineMaker = (parts, { engines, writer }) => {
    const engine = engines.createJitEngine(parts, {}, writer);
    translations = engine.translations;
    return engine;
  };
  const vm = await createPcVm(
    { memoryBytes, cpu, debugExitPort, boot, serialPorts: [console], engine: keep },
    nodeHost,
  );
  signals.onQuit = () => vm.stop();
  vm.stopAfter(timeoutSeconds);
  vm.start();
  await vm.ended;
  return async (question) => answerDebugQuestion(question, translations);
}

async function show(answer: DebugAnswer, region: bigint | undefined): Promise<number> {
  switch (answer.answer) {
    case 'refused':
      throw new UsageError('look at the guest', answer.reason);
    case 'regions':
      return print(answer.regions.map(regionLine).join(''));
    case 'region':
      if (answer.text !== undefined) return print(answer.text);
      say(`Cannot show the region at 0x${region?.toString(16)}: none is entered there`);
      return notFoundStatus;
    default:
      return answer satisfies never;
  }
}

function regionLine({ rip, mode, pages, entries }: TranslatedRegion): string {
  const places = `${pages} pages, ${entries} entries`;
  return `0x${rip.toString(16).padStart(16, '0')}  mode 0x${mode.toString(16)}, ${places}\n`;
}

/** Resolves when all of the text is written: it may be more than a pipe holds, and the program ends then. */
function print(text: string): Promise<number> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve(0)));
}
