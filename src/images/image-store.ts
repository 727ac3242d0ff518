import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mezzHome } from '../host/index.ts';
import { imageName, imageRecipes, recipeOf } from './image-catalog.ts';
import { ImageDamagedError, ImageNotFoundError, ImagePullError } from './image-errors.ts';
import {
  decodeManifest,
  type ImageFile,
  type ImageFileName,
  type ImageManifest,
  imageFileNames,
} from './image-manifest.ts';
import { type MadeImage, type MakeImageOptions, makeImage } from './make-image.ts';
import { ProgramError } from './program.ts';

/** An image in the store. */
export interface StoredImage {
  readonly name: string;
  readonly description: string;
  readonly architecture: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly pulledMs: number;
}

/** An image ready to boot: paths of its files, and the kernel's default command line. */
export interface OpenImage extends StoredImage {
  /** The bzImage. */
  readonly kernelPath: string;
  /** The same kernel unpacked, when that was possible. */
  readonly unpackedKernelPath: string | undefined;
  readonly initrdPath: string;
  readonly commandLine: string;
}

/** What makes an image's content: `makeImage`, or a stand-in in tests. */
export type ImageMaker = typeof makeImage;

const orphanAgeMs = 24 * 60 * 60 * 1000;

/**
 * Guest images on this machine. An image is a manifest, `NAME.json`, and a folder that it names; pulling again makes a
 * new folder and replaces the manifest in one step, so concurrent pulls and opens see one image or the other.
 */
export class ImageStore {
  readonly #folder: string;
  readonly #make: ImageMaker;

  constructor(folder: string = join(mezzHome(), 'images'), make: ImageMaker = makeImage) {
    this.#folder = folder;
    this.#make = make;
  }

  /** The images in the store, by name. Damaged ones are left out; `open` says what is wrong with them. */
  async images(): Promise<StoredImage[]> {
    const names = (await this.#fileNames()).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
    const manifests = await Promise.all(
      names.sort().map(async (name) => ({ name, manifest: await this.#tryRead(name) })),
    );
    return manifests.flatMap(({ name, manifest }) => (manifest ? [describe(name, manifest)] : []));
  }

  /** The names that `pull` knows, with what they stand for. */
  get available(): { readonly name: string; readonly description: string }[] {
    return Object.entries(imageRecipes).map(([name, { description }]) => ({ name, description }));
  }

  /**
   * Paths of an image's files. Files that changed since they were stored are checked against their SHA-256 first; with
   * `verify`, all are. Throws ImageNotFoundError or ImageDamagedError.
   */
  async open(wanted: string, options: { readonly verify?: boolean } = {}): Promise<OpenImage> {
    const name = imageName(wanted);
    for (;;) {
      const manifest = await this.#read(name, 'open');
      try {
        return await this.#openFiles(name, manifest, options.verify ?? false);
      } catch (error) {
        // A pull may just have replaced the image: then its manifest names another folder.
        if ((await this.#tryRead(name))?.folder === manifest.folder) throw error;
      }
    }
  }

  async #openFiles(name: string, manifest: ImageManifest, verify: boolean): Promise<OpenImage> {
    const pathOf = (file: ImageFileName): string => join(this.#folder, manifest.folder, file);
    for (const file of imageFileNames) {
      const stored = manifest.files[file];
      if (stored) await checkFile(name, pathOf(file), file, stored, verify);
    }
    return {
      ...describe(name, manifest),
      kernelPath: pathOf('vmlinuz'),
      unpackedKernelPath: manifest.files.vmlinux && pathOf('vmlinux'),
      initrdPath: pathOf('initrd'),
      commandLine: manifest.commandLine,
    };
  }

  /** Makes a built-in image and stores it, in place of an older one. Throws ImageNotFoundError, ImagePullError, PackageError. */
  async pull(wanted: string, options: MakeImageOptions = {}): Promise<StoredImage> {
    const name = imageName(wanted);
    const recipe = recipeOf(name);
    if (!recipe) {
      const known = Object.keys(imageRecipes).join(', ');
      throw new ImageNotFoundError('pull', wanted, `the images that can be pulled are ${known}`);
    }
    await mkdir(this.#folder, { recursive: true });
    const temporary = await mkdtemp(join(this.#folder, '.pull-'));
    try {
      const made = await this.#make(recipe, temporary, options);
      options.onProgress?.({ phase: 'store', fraction: 0 });
      const manifest = await this.#store(name, made, recipe);
      options.onProgress?.({ phase: 'store', fraction: 1 });
      return describe(name, manifest);
    } catch (cause) {
      if (!(cause instanceof ProgramError) || cause.exitCode !== undefined) throw cause;
      const reason = `images are made with Debian's package tools, and "${cause.program}" does not start`;
      throw new ImagePullError(name, reason, { cause });
    } finally {
      await rm(temporary, { recursive: true, force: true });
      await this.#removeOrphans();
    }
  }

  /** Throws ImageNotFoundError when it isn't there. A damaged image is removed as well. */
  async remove(wanted: string): Promise<void> {
    const name = imageName(wanted);
    const manifest = await this.#tryRead(name);
    if (!manifest && !(await this.#fileNames()).includes(`${name}.json`)) throw notFound('remove', name);
    await rm(join(this.#folder, `${name}.json`), { force: true });
    if (manifest) await rm(join(this.#folder, manifest.folder), { recursive: true, force: true });
  }

  /** The manifest comes last and by renaming: until then nothing refers to the new folder. */
  async #store(
    name: string,
    made: MadeImage,
    recipe: { readonly description: string; readonly architecture: string; readonly commandLine: string },
  ): Promise<ImageManifest> {
    const folder = `${name}.${randomBytes(8).toString('hex')}`;
    await mkdir(join(this.#folder, folder));
    const write = (file: ImageFileName, bytes: Uint8Array) => writeImageFile(join(this.#folder, folder, file), bytes);
    const manifest: ImageManifest = {
      version: 1,
      description: recipe.description,
      architecture: recipe.architecture,
      commandLine: recipe.commandLine,
      packages: made.packages,
      folder,
      pulledMs: Date.now(),
      files: {
        vmlinuz: await write('vmlinuz', made.vmlinuz),
        ...(made.vmlinux ? { vmlinux: await write('vmlinux', made.vmlinux) } : {}),
        initrd: await write('initrd', made.initrd),
      },
    };
    const before = await this.#tryRead(name);
    const next = join(this.#folder, `.${folder}.json`);
    await writeFile(next, `${JSON.stringify(manifest, undefined, 2)}\n`);
    await rename(next, join(this.#folder, `${name}.json`));
    if (before) await rm(join(this.#folder, before.folder), { recursive: true, force: true });
    return manifest;
  }

  async #read(name: string, action: string): Promise<ImageManifest> {
    if (!/^[a-z0-9-]+$/.test(name)) throw notFound(action, name);
    const text = await readFile(join(this.#folder, `${name}.json`), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') throw notFound(action, name);
      throw new ImageDamagedError(name, 'manifest', 'its manifest cannot be read', { cause });
    });
    return decodeManifest(name, text);
  }

  /** Undefined when the image is damaged or not there. */
  #tryRead(name: string): Promise<ImageManifest | undefined> {
    return this.#read(name, 'open').catch(() => undefined);
  }

  async #fileNames(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }

  /** What pulls left behind that were killed: folders that no manifest names, once they are old. */
  async #removeOrphans(): Promise<void> {
    const names = await this.#fileNames();
    const images = names.filter((name) => /^[a-z0-9-]+\.json$/.test(name));
    const manifests = await Promise.all(images.map((name) => this.#tryRead(name.slice(0, -5))));
    const inUse = new Set([...images, ...manifests.map((manifest) => manifest?.folder)]);
    for (const name of names.filter((candidate) => !inUse.has(candidate))) {
      const path = join(this.#folder, name);
      const modifiedMs = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - modifiedMs > orphanAgeMs) await rm(path, { recursive: true, force: true });
    }
  }
}

function describe(name: string, manifest: ImageManifest): StoredImage {
  const { description, architecture, packages, pulledMs, files } = manifest;
  const sizeBytes = imageFileNames.reduce((sum, file) => sum + (files[file]?.sizeBytes ?? 0), 0);
  return { name, description, architecture, packages, sizeBytes, pulledMs };
}

function notFound(action: string, name: string): ImageNotFoundError {
  const reason = recipeOf(name)
    ? `it is not in the store; "mezz image pull ${name}" gets it`
    : `there is none of that name; known are ${Object.keys(imageRecipes).join(', ')}`;
  return new ImageNotFoundError(action, name, reason);
}

async function writeImageFile(path: string, bytes: Uint8Array): Promise<ImageFile> {
  await writeFile(path, bytes);
  const { mtimeMs } = await stat(path);
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), modifiedMs: mtimeMs };
}

async function checkFile(image: string, path: string, file: string, stored: ImageFile, always: boolean): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new ImageDamagedError(image, file, `its file "${file}" is missing`, { cause });
  });
  if (found.size !== stored.sizeBytes) {
    const reason = `its file "${file}" has ${found.size} bytes, ${stored.sizeBytes} were stored`;
    throw new ImageDamagedError(image, file, reason);
  }
  if (!always && found.mtimeMs === stored.modifiedMs) return;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  const sha256 = hash.digest('hex');
  if (sha256 === stored.sha256) return;
  throw new ImageDamagedError(image, file, `its file "${file}" has the SHA-256 ${sha256}, stored was ${stored.sha256}`);
}
