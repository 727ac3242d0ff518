import { debianPrograms } from '../jobs/debian-programs.ts';
import type { JobGuest } from '../jobs/job-guest.ts';
import { JobMachine } from '../jobs/job-machine.ts';
import { ownPrograms, type Program } from '../jobs/program-table.ts';
import { luajitResults, luajitWords } from './luajit.ts';

/** A program that a long run runs again and again, and the checksum that it must come to. */
export interface Work {
  readonly program: Program;
  readonly checksum: string;
}

const timeoutSeconds = 120;

const luajitProgram = (name: string): Program => ({
  name: `luajit-${name}`,
  class: 'compute',
  unit: 'runs/s',
  perUnit: 1,
  bits: [64],
  isDebian: true,
  job: ({ folder }, count) => ({ repetitions: count, words: luajitWords(name, folder) }),
});

/** The checksum of the job runner (programs/init.c) over a text: FNV-1a of 32 bits. */
export function checksumOf(text: string): string {
  let sum = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) sum = Math.imul(sum ^ byte, 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}

/** Code that rewrites itself, and programs of LuaJIT; `isMixed`: everything that the bench has between them. */
export async function workFor(guest: JobGuest, isMixed: boolean): Promise<Work[]> {
  const luajit = Object.entries(luajitResults).map(
    ([name, result]): Work => ({ program: luajitProgram(name), checksum: checksumOf(`${result}\n`) }),
  );
  const wanted = [...ownPrograms, ...debianPrograms].filter(
    ({ name, bits, isDebian }) =>
      bits.includes(64) && (name === 'rewrite' || (isMixed && (!isDebian || guest.debian !== undefined))),
  );
  const others = await nativeWork(guest, wanted);
  return Array.from({ length: Math.max(luajit.length, others.length) }, (_, i) => [
    ...others.slice(i, i + 1),
    ...luajit.slice(i, i + 1),
  ]).flat();
}

/** What these programs come to without a machine. */
async function nativeWork(guest: JobGuest, programs: readonly Program[]): Promise<Work[]> {
  const native = new JobMachine('native', guest, { engine: 'jit' });
  try {
    return await native.awake(async (session) => {
      const work: Work[] = [];
      for (const program of programs) {
        const job = { name: program.name, ...program.job(native.place, 1) };
        work.push({ program, checksum: (await session.run(job, timeoutSeconds)).checksum });
      }
      return work;
    });
  } finally {
    await native.stop();
  }
}
