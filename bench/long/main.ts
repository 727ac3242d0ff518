import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layout } from '../../src/cpu/index.ts';
import { buildProgram } from '../build.ts';
import { makeJobGuest } from '../jobs/job-guest.ts';
import { guestPlace } from '../jobs/place.ts';
import { Session } from '../jobs/session.ts';
import { memoryMebibytes, mezzCommand } from '../machines.ts';
import { MemoryMeter } from '../memory-meter.ts';
import { runLong } from './long-run.ts';
import { luajitEntries } from './luajit.ts';
import { readLongFlags, usage } from './options.ts';
import { complaints, figures, workTable } from './report.ts';
import { workFor } from './work.ts';

const bootTimeoutSeconds = 300;
const stopTimeoutSeconds = 60;

/** One guest that works for minutes or hours: its results, our memory. */
async function main(): Promise<void> {
  const flags = readLongFlags();
  if (!flags) {
    console.log(usage);
    return;
  }
  if (flags.isBuilt) buildProgram();
  const folder = await mkdtemp(join(tmpdir(), 'mezz-long-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const guest = await makeJobGuest(64, folder, await luajitEntries());
  const work = await workFor(guest, flags.isMixed);
  const statsFile = join(folder, 'stats.json');
  const session = await Session.start(
    mezzCommand(guest.guest, { engine: flags.engine, statsFile }),
    bootTimeoutSeconds,
  );
  const map = { mappingBytes: layout.ram + memoryMebibytes * 2 ** 20, ramOffset: layout.ram };
  const memory = process.platform === 'linux' ? new MemoryMeter(session.pid, map) : undefined;
  console.error(`Running ${work.length} programs in turn for ${flags.minutes} minutes`);
  const { done, samples } = await runLong(
    session,
    { work, place: guestPlace(guest.debian) },
    flags.minutes * 60,
    memory,
  );
  await session.stop(stopTimeoutSeconds);
  const statistics = JSON.parse(await readFile(statsFile, 'utf8'));
  console.log(`${workTable(done)}\n\n${figures(samples, statistics)}`);
  const wrong = complaints(done, samples, statistics);
  console.log(wrong.length === 0 ? 'All is well' : `Wrong: ${wrong.join('\n  ')}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
