import { ImageDamagedError } from './image-errors.ts';

export const imageFileNames = ['vmlinuz', 'vmlinux', 'initrd'] as const;
export type ImageFileName = (typeof imageFileNames)[number];

export interface ImageFile {
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Modification time when it was stored: an unchanged file isn't hashed again each time it is opened. */
  readonly modifiedMs: number;
}

/** What the store keeps beside an image's files, as JSON. */
export interface ImageManifest {
  readonly version: 1;
  readonly description: string;
  readonly architecture: string;
  readonly commandLine: string;
  /** Package names and versions that it was made from. */
  readonly packages: Readonly<Record<string, string>>;
  /** The folder beside the manifest that holds the files. */
  readonly folder: string;
  /** Milliseconds since 1970. */
  readonly pulledMs: number;
  readonly files: Readonly<Partial<Record<ImageFileName, ImageFile>>> &
    Readonly<Record<'vmlinuz' | 'initrd', ImageFile>>;
}

/** Checks every field of a manifest. Throws ImageDamagedError. */
export function decodeManifest(image: string, text: string): ImageManifest {
  const check = new FieldChecker(image);
  const root = check.record('manifest', parseJson(image, text));
  if (root.version !== 1) throw check.error('version', 'is not 1');
  const packages = check.record('packages', root.packages);
  const files = check.record('files', root.files);
  const file = (name: ImageFileName): ImageFile => {
    const fields = check.record(`files.${name}`, files[name]);
    return {
      sizeBytes: check.number(`files.${name}.sizeBytes`, fields.sizeBytes),
      sha256: check.text(`files.${name}.sha256`, fields.sha256, /^[0-9a-f]{64}$/),
      modifiedMs: check.number(`files.${name}.modifiedMs`, fields.modifiedMs),
    };
  };
  return {
    version: 1,
    description: check.text('description', root.description),
    architecture: check.text('architecture', root.architecture),
    commandLine: check.text('commandLine', root.commandLine),
    packages: Object.fromEntries(
      Object.entries(packages).map(([name, value]) => [name, check.text(`packages.${name}`, value)]),
    ),
    folder: check.text('folder', root.folder, /^[a-z0-9-]+\.[A-Za-z0-9]+$/),
    pulledMs: check.number('pulledMs', root.pulledMs),
    files: {
      vmlinuz: file('vmlinuz'),
      initrd: file('initrd'),
      ...(files.vmlinux === undefined ? {} : { vmlinux: file('vmlinux') }),
    },
  };
}

function parseJson(image: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ImageDamagedError(image, 'manifest', 'its manifest is no JSON', { cause });
  }
}

class FieldChecker {
  readonly #image: string;

  constructor(image: string) {
    this.#image = image;
  }

  error(field: string, reason: string): ImageDamagedError {
    return new ImageDamagedError(this.#image, field, `field "${field}" of its manifest ${reason}`);
  }

  record(field: string, value: unknown): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.error(field, 'is no object');
    return value as Record<string, unknown>;
  }

  text(field: string, value: unknown, pattern = /^[^\0\n]*$/): string {
    if (typeof value !== 'string' || !pattern.test(value)) throw this.error(field, 'is not the expected text');
    return value;
  }

  number(field: string, value: unknown): number {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw this.error(field, 'is no number');
    return value;
  }
}
