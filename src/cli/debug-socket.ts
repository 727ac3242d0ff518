import { askLine, LineServer } from '../host/index.ts';
import {
  answerDebugLine,
  type DebugAnswer,
  type DebugQuestion,
  type EngineMaker,
  longestDebugAnswer,
  longestDebugQuestion,
  readDebugAnswer,
  type Translations,
  writeDebugQuestion,
} from '../vm/index.ts';
import type { RunOptions } from './run-options.ts';

const what = 'debug socket';
/** A guest's turn, and much patience with a busy machine. */
const answerTimeoutMs = 20_000;

/**
 * Opens the socket that the options want, if any, where a running guest is asked what was made of its code: until the
 * program ends. Resolves to the engine of the options, which the socket then knows. Rejects with FileError.
 */
export async function openDebugSocket({ debugSocket, engine }: RunOptions): Promise<EngineMaker | undefined> {
  if (debugSocket === undefined) return undefined;
  let translations: Translations | undefined;
  const answer = (line: string): string => answerDebugLine(line, translations);
  await LineServer.open({ path: debugSocket, what, longestLineBytes: longestDebugQuestion, answer });
  return (parts, { engines: { createJitEngine, InterpreterEngine }, writer, keeper }) => {
    const made = engine === 'jit' ? createJitEngine(parts, { keeper }, writer) : new InterpreterEngine(parts);
    translations = made.translations;
    return made;
  };
}

/** Asks a running guest. Rejects with FileError or DebugProtocolError. */
export async function askGuest(path: string, question: DebugQuestion): Promise<DebugAnswer> {
  const line = writeDebugQuestion(question);
  const longestAnswerBytes = longestDebugAnswer;
  return readDebugAnswer(await askLine({ path, what, line, longestAnswerBytes, timeoutMs: answerTimeoutMs }));
}
