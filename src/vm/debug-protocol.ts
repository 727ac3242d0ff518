/**
 * What a program may ask of a running VM, and the answers: one JSON object a line, each way, one answer to each question.
 * Both sides doubt what they are sent.
 */
import type { TranslatedRegion } from '../cpu/index.ts';

export const debugProtocolVersion = 1;

/** Longer lines are no questions. */
export const longestDebugQuestion = 1024;
/** Longer lines are no answers: the JIT has room for some thousand regions. */
export const longestDebugAnswer = 64 << 20;

/** What a VM translated: an engine's `translations`. */
export interface Translations {
  regions(): readonly TranslatedRegion[];
  show(rip: bigint): string | undefined;
}

export type DebugQuestion =
  | { readonly ask: 'regions' }
  /** `rip`: where the region is entered. */
  | { readonly ask: 'region'; readonly rip: bigint };

export type DebugAnswer =
  | { readonly answer: 'regions'; readonly regions: readonly TranslatedRegion[] }
  /** No text: no region is entered there. */
  | { readonly answer: 'region'; readonly text: string | undefined }
  | { readonly answer: 'refused'; readonly reason: string };

/** A line that is no question or no answer of this version. */
export class DebugProtocolError extends Error {
  constructor(what: 'question' | 'answer', reason: string) {
    super(`Cannot read ${what}: ${reason}`);
    this.name = 'DebugProtocolError';
  }
}

export function writeDebugQuestion(question: DebugQuestion): string {
  const rip = question.ask === 'region' ? { rip: hex(question.rip) } : {};
  return JSON.stringify({ version: debugProtocolVersion, ask: question.ask, ...rip });
}

/** Throws DebugProtocolError. */
export function readDebugQuestion(line: string): DebugQuestion {
  const fields = new Fields('question', line, longestDebugQuestion);
  const ask = fields.oneOf('ask', ['regions', 'region']);
  return ask === 'regions' ? { ask } : { ask, rip: fields.address('rip') };
}

export function writeDebugAnswer(answer: DebugAnswer): string {
  const version = debugProtocolVersion;
  if (answer.answer !== 'regions') return JSON.stringify({ version, ...answer });
  return JSON.stringify({ version, ...answer, regions: answer.regions.map((r) => ({ ...r, rip: hex(r.rip) })) });
}

/** Throws DebugProtocolError. */
export function readDebugAnswer(line: string): DebugAnswer {
  const fields = new Fields('answer', line, longestDebugAnswer);
  const answer = fields.oneOf('answer', ['regions', 'region', 'refused']);
  if (answer === 'refused') return { answer, reason: fields.text('reason') };
  if (answer === 'region') return { answer, text: fields.has('text') ? fields.text('text') : undefined };
  const regions = fields.list('regions').map((region) => ({
    rip: region.address('rip'),
    mode: region.count('mode'),
    pages: region.count('pages'),
    entries: region.count('entries'),
  }));
  return { answer, regions };
}

/** The answer to a line that may be anything; never throws. `translations`: undefined when nothing is translated. */
export function answerDebugLine(line: string, translations: Translations | undefined): string {
  try {
    return writeDebugAnswer(answerDebugQuestion(readDebugQuestion(line), translations));
  } catch (error) {
    // Whoever looks at a guest must not end it, not even by our own mistake.
    const { message } = error as Error;
    const reason = error instanceof DebugProtocolError ? message : `Internal error: ${message}`;
    return writeDebugAnswer({ answer: 'refused', reason });
  }
}

/** `translations`: undefined when nothing is translated. */
export function answerDebugQuestion(question: DebugQuestion, translations: Translations | undefined): DebugAnswer {
  if (!translations) return { answer: 'refused', reason: 'the guest runs on the interpreter' };
  if (question.ask === 'regions') return { answer: 'regions', regions: translations.regions() };
  return { answer: 'region', text: translations.show(question.rip) };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** The checked fields of one line, or of an object in it. */
class Fields {
  readonly #what: 'question' | 'answer';
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(what: 'question' | 'answer', from: unknown, longest?: number) {
    this.#what = what;
    this.#fields = this.#object(longest === undefined ? from : this.#parse(from as string, longest));
    if (longest !== undefined && this.#fields.version !== debugProtocolVersion) {
      const version = JSON.stringify(this.#fields.version)?.slice(0, 20);
      throw this.#error(`"version" is ${version}, this program speaks ${debugProtocolVersion}`);
    }
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  oneOf<const Name extends string>(name: string, names: readonly Name[]): Name {
    const found = names.find((known) => known === this.#fields[name]);
    if (found === undefined) throw this.#error(`"${name}" is none of ${names.join(', ')}`);
    return found;
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== 'string') throw this.#error(`"${name}" is no text`);
    return value;
  }

  address(name: string): bigint {
    const value = this.#fields[name];
    if (typeof value !== 'string' || !/^0x[0-9a-f]{1,16}$/i.test(value)) {
      throw this.#error(`"${name}" is no address of up to 64 bits, like "0xffffffff81000000"`);
    }
    return BigInt(value);
  }

  count(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.#error(`"${name}" is no count`);
    }
    return value;
  }

  list(name: string): Fields[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw this.#error(`"${name}" is no list`);
    return value.map((element: unknown) => new Fields(this.#what, element));
  }

  #parse(line: string, longest: number): unknown {
    if (line.length > longest) throw this.#error(`it is longer than ${longest} characters`);
    try {
      return JSON.parse(line);
    } catch {
      throw this.#error('it is no JSON');
    }
  }

  #object(value: unknown): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#error('it is no JSON object');
    return value as Readonly<Record<string, unknown>>;
  }

  #error(reason: string): DebugProtocolError {
    return new DebugProtocolError(this.#what, reason);
  }
}
