import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchBoot } from './boot.ts';
import { type DefaultGuest, defaultGuest } from './default-guest.ts';
import { benchInteger } from './integer.ts';
import { qemuVersion } from './machines.ts';
import { conditions, table, writeResults } from './report.ts';
import { benchAtRest } from './rest.ts';
import type { Row } from './row.ts';

const usage = 'Usage: npm run bench -- [--quick] [--only boot|integer|rest]';
const resultsFolder = fileURLToPath(new URL('results', import.meta.url));

const flagTable = {
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** The parts of the bench, in the order of the table. */
const parts: Readonly<Record<string, (guest: DefaultGuest, options: Options) => Promise<readonly Row[]>>> = {
  boot: (guest, options) => benchBoot(guest.marker, options),
  integer: async (_guest, options) => [await benchInteger(options)],
  rest: (guest, options) => benchAtRest(guest.shell, { ...options, repetitions: options.quick ? 1 : 2 }),
};

interface Options {
  readonly quick: boolean;
  readonly repetitions: number;
  readonly hasQemu: boolean;
  readonly folder: string;
  readonly idleSeconds: number;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({ options: flagTable });
  const { quick, only } = flags;
  if (flags.help || (only !== undefined && !Object.hasOwn(parts, only))) {
    console.log(usage);
    process.exitCode = flags.help ? 0 : 2;
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'mezz-bench-'));
  try {
    const guest = await defaultGuest(folder);
    const qemu = qemuVersion();
    const options = { quick, repetitions: quick ? 1 : 3, hasQemu: qemu !== undefined, folder, idleSeconds: 20 };
    const about = conditions({ repetitions: options.repetitions, qemu, guest: guest.packages });
    const rows: Row[] = [];
    for (const [name, part] of Object.entries(parts)) {
      if (only !== undefined && name !== only) continue;
      console.error(`Measuring: ${name}`);
      rows.push(...(await part(guest, options)));
    }
    console.log(`\n${table(rows)}\n`);
    if (qemu === undefined) console.log('QEMU (qemu-system-x86_64) is not installed: Mezz was measured alone');
    console.log(`Figures: ${relative(process.cwd(), await writeResults(resultsFolder, about, rows))}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
