import type { Place } from './place.ts';
import type { Program } from './program-table.ts';
import type { Job } from './session.ts';

const debian = (name: string, job: Program['job']): Program => ({
  name,
  class: 'compute',
  unit: 'units/s',
  perUnit: 1,
  bits: [64, 32],
  isDebian: true,
  job,
});

/** A script that works like our own programs. */
const script = (words: readonly string[]): Omit<Job, 'name'> => ({ repetitions: 0, words });

/** Programs of Debian's packages: three interpreters, a compressor, a compiler. */
export const debianPrograms: readonly Program[] = [
  debian('lua', (place, count) => script(place.debian('/usr/bin/lua5.4', `${place.folder}/script.lua`, String(count)))),
  debian('awk', (place, count) =>
    script(place.debian('/usr/bin/mawk', '-v', `units=${count}`, '-f', `${place.folder}/script.awk`)),
  ),
  debian('python', (place, count) => script(shell(pythonCommand(place, count)))),
  debian('gzip', (place, count) => ({
    repetitions: count,
    words: place.debian('/bin/gzip', '-nc', `${place.folder}/text`),
  })),
  debian('tcc', (place, count) => ({ repetitions: count, words: shell(compileCommand(place)) })),
];

const shell = (command: string): string[] => ['/bin/sh', '-c', command];

const pythonCommand = ({ folder, debian: command, python, pythonHome }: Place, count: number): string => {
  const words = command(`/usr/bin/${python}`, '-S', `${folder}/script.py`, String(count));
  return `PYTHONHOME=${pythonHome} exec ${words.join(' ')}`;
};

const compileCommand = ({ folder, debian: command }: Place): string =>
  `cd ${folder} && ${command('/usr/bin/tcc', '-c', 'source.c', '-o', 'object.o').join(' ')} && cat object.o`;
