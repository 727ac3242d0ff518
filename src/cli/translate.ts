import { SerialPipe } from '../backends/index.ts';
import { createJitEngine, type InterpreterEngine } from '../cpu/index.ts';
import { nodeHost } from '../host/index.ts';
import { createPcVm } from '../vm/index.ts';
import { readBootFiles } from './boot-files.ts';
import { say } from './exit-status.ts';
import { QuitSignals } from './quit-signals.ts';
import { readTranslateOptions, type TranslateOptions, translateOptionTable } from './translate-options.ts';
import type { Verb } from './verb.ts';

const notFoundStatus = 1;

export const translateVerb: Verb = {
  name: 'debug translate',
  summary: 'Runs a guest for a while and shows what the JIT made of its code.',
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
    const signals = new QuitSignals();
    try {
      return await runAndShow(options, signals);
    } catch (error) {
      if (signals.status !== 0) return signals.status;
      throw error;
    } finally {
      signals.close();
    }
  },
};

async function runAndShow({ run, input, region }: TranslateOptions, signals: QuitSignals): Promise<number> {
  const boot = await readBootFiles(run, signals.signal);
  const console = new SerialPipe({ onOutput: () => {} });
  console.send(new TextEncoder().encode(input));
  const { memoryBytes, debugExitPort, timeoutSeconds = 5 } = run;
  let engine: InterpreterEngine | undefined;
  const keep: typeof createJitEngine = (parts) => {
    engine = createJitEngine(parts);
    return engine;
  };
  const vm = await createPcVm({ memoryBytes, debugExitPort, boot, serialPorts: [console], engine: keep }, nodeHost);
  signals.onQuit = () => vm.stop();
  vm.stopAfter(timeoutSeconds);
  vm.start();
  await vm.ended;
  return show(engine, region);
}

function show(engine: InterpreterEngine | undefined, region: bigint | undefined): number {
  const translations = engine?.translations;
  if (region === undefined) {
    for (const { rip, mode, pages, entries } of translations?.regions() ?? []) {
      const places = `${pages} pages, ${entries} entries`;
      process.stdout.write(`0x${rip.toString(16).padStart(16, '0')}  mode 0x${mode.toString(16)}, ${places}\n`);
    }
    return 0;
  }
  const text = translations?.show(region);
  if (text === undefined) {
    say(`Cannot show the region at 0x${region.toString(16)}: none is entered there`);
    return notFoundStatus;
  }
  process.stdout.write(text);
  return 0;
}
