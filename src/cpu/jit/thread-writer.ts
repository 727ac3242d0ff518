import type { Thread, ThreadStarter } from '../../base/index.ts';
import type { CodeContext, EngineParts } from '../interpreter/index.ts';
import { compiled, localWriter, type ModuleDraft, type ModuleWriter, type WrittenModule } from './module-writer.ts';
import { RegionPacker } from './region-codec.ts';
import { type PlacedRegion, RegionModule } from './region-module.ts';
import type { TranslationAnswer, TranslationRequest } from './translation-protocol.ts';

/** Modules that wait for the thread at most. */
const mostWaiting = 8;
/** A thread without work stays so long. */
const longestRestMs = 8_000;

/** A module that the thread has not answered yet, and what it takes to write it without the thread. */
interface Waiting {
  readonly context: CodeContext;
  readonly placed: readonly PlacedRegion[];
  arrive(module: WrittenModule): void;
}

/** The module that a thread serves with, as compiled or as written, whichever this is. */
function threadModule(): string {
  const own = import.meta.url;
  return new URL(`./translation-thread${own.slice(own.lastIndexOf('.'))}`, own).href;
}

/**
 * Writes modules in a thread, for any number of engines. While there is none, before it is ready and when it has failed,
 * they are written here.
 */
export class ThreadWriter implements ModuleWriter {
  readonly #start: ThreadStarter;
  readonly #nowMs: () => number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #contexts = new Map<string, number>();
  #thread: Thread | undefined;
  #isReady = false;
  /** No thread is wanted any more: it has failed, or nobody needs it. */
  #isOver = false;
  #usedMs = 0;
  #modules = 0;

  constructor(start: ThreadStarter, nowMs = () => performance.now()) {
    this.#start = start;
    this.#nowMs = nowMs;
  }

  get isBusy(): boolean {
    return this.#waiting.size >= mostWaiting;
  }

  prepare(): void {
    if (!this.#thread && !this.#isOver) this.#startThread();
  }

  begin(parts: EngineParts): ModuleDraft {
    this.prepare();
    this.#usedMs = this.#nowMs();
    if (!this.#isReady) return localWriter.begin(parts);
    const packer = new RegionPacker();
    const memory = new Uint8Array(parts.memory.buffer);
    const placed: PlacedRegion[] = [];
    return {
      add: (region) => {
        placed.push(region);
        packer.add(region, memory);
      },
      finish: (arrive) => this.#request({ context: parts, placed, arrive }, packer),
    };
  }

  /** A thread takes memory: it goes when nothing was translated for long, and another one comes when something is. */
  rest(): void {
    if (!this.#isReady || this.#waiting.size > 0 || this.#nowMs() - this.#usedMs < longestRestMs) return;
    this.#forget()?.stop();
  }

  /** Ends the thread; what it has not answered is of no interest any more. */
  stop(): void {
    this.#isOver = true;
    this.#waiting.clear();
    this.#forget()?.stop();
  }

  #startThread(): void {
    const thread = this.#start(threadModule());
    thread.onMessage = (message) => {
      if (thread === this.#thread) this.#answered(message as TranslationAnswer);
    };
    thread.onEnd = () => this.#failed(thread);
    this.#thread = thread;
    this.#usedMs = this.#nowMs();
  }

  /** The thread, which is ours no more. */
  #forget(): Thread | undefined {
    const thread = this.#thread;
    this.#thread = undefined;
    this.#isReady = false;
    this.#contexts.clear();
    return thread;
  }

  #request(waiting: Waiting, packer: RegionPacker): void {
    if (!this.#isReady) {
      writeLater(waiting);
      return;
    }
    const number = ++this.#modules;
    const context = this.#contextNumber(waiting.context);
    const regions = packer.finish();
    this.#waiting.set(number, waiting);
    this.#post({ kind: 'module', number, context, regions }, [regions.words.buffer, regions.code.buffer]);
  }

  /** Engines of a process are alike: few contexts are told. */
  #contextNumber({ firstSlot, helperSlots, sharedSlots, countsInstructions }: CodeContext): number {
    const key = JSON.stringify([firstSlot, countsInstructions, [...helperSlots], [...sharedSlots]]);
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const number = this.#contexts.size;
    this.#contexts.set(key, number);
    const context = { firstSlot, helperSlots, sharedSlots, countsInstructions };
    this.#post({ kind: 'context', number, context }, []);
    return number;
  }

  #post(request: TranslationRequest, transfer: readonly ArrayBuffer[]): void {
    this.#thread?.post(request, transfer);
  }

  #answered(answer: TranslationAnswer): void {
    if (answer.kind === 'ready') {
      this.#isReady = true;
      return;
    }
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    waiting?.arrive(() => answer);
  }

  #failed(thread: Thread): void {
    if (thread !== this.#thread) return; // It was stopped.
    this.#isOver = true;
    this.#forget();
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of left) writeLater(waiting);
  }
}

/**
 * Leaves the writing to the engine, where it wants the module. Instructions are known still, whatever has become of the
 * bytes that they were decoded from.
 */
function writeLater({ context, placed, arrive }: Waiting): void {
  arrive(() => {
    const module = new RegionModule(context);
    for (const region of placed) module.add(region);
    return compiled(module);
  });
}
