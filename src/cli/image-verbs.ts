import { ImageStore } from '../images/index.ts';
import { UsageError } from './errors.ts';
import { pullImage } from './pull.ts';
import { QuitSignals } from './quit-signals.ts';
import type { Arguments, Verb } from './verb.ts';

const mebibyte = 2 ** 20;

export const imagesVerb: Verb = {
  name: 'images',
  summary: 'Lists the images on this machine, and those that can be pulled.',
  operands: '',
  options: {},
  async run({ operands }) {
    if (operands.length > 0) throw new UsageError(`use argument "${operands[0]}"`, '"mezz images" takes none');
    const store = new ImageStore();
    const stored = await store.images();
    const rows = stored.map(({ name, sizeBytes, description }) => [name, megabytes(sizeBytes), description] as const);
    const missing = store.available.filter(({ name }) => !stored.some((image) => image.name === name));
    const pullable = missing.map(({ name, description }) => [name, 'not pulled', description] as const);
    for (const [name, size, description] of [['NAME', 'SIZE', 'WHAT IT IS'] as const, ...rows, ...pullable]) {
      process.stdout.write(`${name.padEnd(18)} ${size.padStart(10)}  ${description}\n`);
    }
    return 0;
  },
};

export const imagePullVerb: Verb = {
  name: 'image pull',
  summary: "Makes an image from the packages of this system's Debian sources and stores it.",
  operands: 'NAME',
  options: {},
  async run(parsed) {
    const name = theName(parsed, 'image pull');
    return QuitSignals.during(async ({ signal }) => {
      await pullImage(new ImageStore(), name, signal);
      return 0;
    });
  },
};

export const imageRemoveVerb: Verb = {
  name: 'image rm',
  summary: 'Removes an image from this machine.',
  operands: 'NAME',
  options: {},
  async run(parsed) {
    await new ImageStore().remove(theName(parsed, 'image rm'));
    return 0;
  },
};

const megabytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(1)}M`;

function theName({ operands }: Arguments, verb: string): string {
  const [name] = operands;
  if (name !== undefined && operands.length === 1) return name;
  throw new UsageError(`run "mezz ${verb}"`, 'it takes the name of one image; "mezz images" lists them');
}
