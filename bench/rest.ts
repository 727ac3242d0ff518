import { join } from 'node:path';
import { layout, vcpuTlbBytes } from '../src/cpu/index.ts';
import type { BenchOptions } from './boot.ts';
import { type GuestOfBench, memoryMebibytes, mezzCommand, qemuCommand } from './machines.ts';
import { benchAtPrompt, type PromptFigures } from './prompt.ts';
import { type Row, ratios, sample, sampleIfAny } from './row.ts';

const mebibyte = 2 ** 20;
const residentTarget = 250;
const idleTarget = 0.5;
const idleTargetOfSeveral = 2;

/** Memory besides the guest's own, and processor time at rest, of a guest at its shell's prompt. */
export async function benchAtRest(
  guest: GuestOfBench,
  options: BenchOptions & { readonly idleSeconds: number; readonly cpus: number },
): Promise<Row[]> {
  if (process.platform !== 'linux') {
    const note = 'measured on Linux only';
    return [
      { ...residentRow, note },
      { ...memoryRow, note },
      { ...idleRow, note },
    ];
  }
  const ramBytes = memoryMebibytes * mebibyte;
  const { idleSeconds, cpus } = options;
  const mezz: PromptFigures[] = [];
  const qemu: PromptFigures[] = [];
  const translations = join(options.folder, 'translations-rest');
  for (let i = 0; i < options.repetitions; i++) {
    const mappingBytes = layout.ram + ramBytes + (cpus - 1) * vcpuTlbBytes;
    mezz.push(
      await benchAtPrompt({
        command: [...mezzCommand(guest, { engine: options.engine, translations }), '--cpus', String(cpus)],
        mappingBytes,
        ramOffset: layout.ram,
        idleSeconds,
      }),
    );
    if (!options.hasQemu) continue;
    qemu.push(
      await benchAtPrompt({ command: qemuCommand(guest, cpus), mappingBytes: ramBytes, ramOffset: 0, idleSeconds }),
    );
  }
  const complete = (row: Row, figure: (figures: PromptFigures) => number): Row => ({
    ...row,
    mezz: sample(mezz.map(figure)),
    qemu: sampleIfAny(qemu.map(figure)),
    ratio: ratios(mezz.map(figure), qemu.map(figure)),
  });
  return [
    complete(cpus === 1 ? residentRow : residentRowOfSeveral(cpus), residentAtPrompt),
    { ...complete(memoryRow, memoryBesidesGuest), details: { mezz, qemu } },
    complete(cpus === 1 ? idleRow : idleRowOfSeveral(cpus), ({ idlePercent }) => idlePercent),
  ];
}

/** What the guest has touched and what its machine takes, when it has come to rest. */
const residentAtPrompt = ({ memory }: PromptFigures): number =>
  (memory.touchedBytes + memory.overheadAtPromptBytes) / 1e6;

const residentRow: Row = {
  id: 'resident',
  title: 'resident set at the prompt',
  unit: 'MB',
  target: { atMost: residentTarget },
};

/** What each vCPU adds is its own to look at: the target is that of one. */
const residentRowOfSeveral = (cpus: number): Row => ({
  id: residentRow.id,
  title: `${residentRow.title}, ${cpus} vCPUs`,
  unit: residentRow.unit,
});

const memoryBesidesGuest = ({ memory }: PromptFigures): number =>
  (memory.peakResidentBytes - memory.touchedBytes) / mebibyte;

const memoryRow: Row = { id: 'memory', title: "memory besides the guest's, at its peak", unit: 'MiB' };

const idleRow: Row = { id: 'idle', title: 'idle at the prompt', unit: '% of a CPU', target: { atMost: idleTarget } };

const idleRowOfSeveral = (cpus: number): Row => ({
  ...idleRow,
  title: `idle at the prompt, ${cpus} vCPUs`,
  target: { atMost: idleTargetOfSeveral },
});
