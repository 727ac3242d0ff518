import { spawnSync } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sourceFolder } from './compile.ts';

const scripts = ['script.lua', 'script.awk', 'script.py'];
const textBytes = 1 << 20;
const vocabulary = 'a list of words that a text is made of when nobody reads it but a program for its length'.split(
  ' ',
);

/** What Debian's programs work on: scripts, a text to compress, a source to compile. Returns the files' names. */
export async function writeProgramData(folder: string): Promise<readonly string[]> {
  for (const script of scripts) await copyFile(join(sourceFolder, script), join(folder, script));
  await writeFile(join(folder, 'text'), plainText());
  await writeFile(join(folder, 'source.c'), longSource('core'));
  return [...scripts, 'text', 'source.c'];
}

/** Words and numbers, always the same. */
function plainText(): string {
  const lines: string[] = [];
  let seed = 0x6d657a7a;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  for (let length = 0; length < textBytes; ) {
    const words = Array.from({ length: 12 }, () => vocabulary[random() % vocabulary.length] ?? '');
    const line = `${random()} ${words.join(' ')}\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join('').slice(0, textBytes);
}

const copies = 50;
/** The names in a C source that have a meaning of their own. */
const keywords = new Set(
  (
    'char const default do double else enum extern float for goto if inline int long return short signed sizeof ' +
    'static struct switch case typedef union unsigned void volatile while break continue __attribute__ __extension__'
  ).split(' '),
);

/** One of our own programs many times over, each with names of its own. */
function longSource(name: string): string {
  const text = preprocessed(name);
  const renamed = (copy: number): string =>
    text.replaceAll(/"[^"]*"|'[^']*'|\b[A-Za-z_]\w*/g, (word) =>
      /^["']/.test(word) || keywords.has(word) ? word : `${word}_${copy}`,
    );
  return Array.from({ length: copies }, (_, copy) => renamed(copy)).join('\n');
}

/** A program without directives, in which a small compiler finds nothing that only gcc has. */
function preprocessed(name: string): string {
  const args = ['-E', '-P', '-m32', '-D_GCC_MAX_ALIGN_T', join(sourceFolder, `${name}.c`)];
  const { status, stdout, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot preprocess "${name}.c": ${stderr.trim()}`);
  return stdout;
}
