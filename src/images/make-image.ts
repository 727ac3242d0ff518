import { readLinuxKernel } from '../machine/firmware/index.ts';
import { readDebFile } from './deb.ts';
import { type FetchedPackage, PackageError, type PackageProgress, PrivateApt } from './debian-packages.ts';
import { defaultInitramfs } from './default-initramfs.ts';
import type { ImageRecipe } from './image-catalog.ts';
import { unpackKernel } from './unpack-kernel.ts';

export type PullProgress = PackageProgress | { readonly phase: 'unpack' | 'store'; readonly fraction: number };

export interface MakeImageOptions {
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Takes what went wrong without stopping the pull: package lists that could not be read. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The content of an image, before it is stored. */
export interface MadeImage {
  readonly vmlinuz: Uint8Array;
  /** Absent when the kernel's format is one that only its own decompressor knows. */
  readonly vmlinux: Uint8Array | undefined;
  readonly initrd: Uint8Array;
  readonly packages: Readonly<Record<string, string>>;
}

/** Fetches a recipe's packages into an empty folder and makes the image of them. */
export async function makeImage(recipe: ImageRecipe, folder: string, options: MakeImageOptions): Promise<MadeImage> {
  const { onProgress, onWarning, signal } = options;
  const apt = await PrivateApt.create(folder, { architecture: recipe.architecture, onProgress, signal });
  if (apt.warning !== undefined) onWarning?.(apt.warning);
  const metapackage = await apt.find(recipe.kernelPackage);
  const kernelName = metapackage.dependencies.find((name) => /^linux-image-\d/.test(name));
  const kernelPackage = kernelName === undefined ? metapackage : await apt.find(kernelName);
  const [kernel, busybox] = await apt.download([kernelPackage, await apt.find(recipe.busyboxPackage)]);
  if (!kernel || !busybox) throw new PackageError(recipe.kernelPackage, 'apt-get downloaded nothing');
  onProgress?.({ phase: 'unpack', fraction: 0 });
  const vmlinuz = await contentOf(kernel, (path) => /^boot\/vmlinuz-/.test(path), 'boot/vmlinuz-*', signal);
  onProgress?.({ phase: 'unpack', fraction: 0.6 });
  const program = await contentOf(busybox, (path) => /^(usr\/)?bin\/busybox$/.test(path), 'bin/busybox', signal);
  const { elf } = await readLinuxKernel({ name: `vmlinuz of ${kernel.name}`, bytes: vmlinuz }, unpackKernel);
  onProgress?.({ phase: 'unpack', fraction: 1 });
  return {
    vmlinuz,
    vmlinux: elf?.bytes.subarray(0, elf.bytes.length),
    initrd: defaultInitramfs(program),
    packages: Object.fromEntries([kernel, busybox].map(({ name, version }) => [name, version])),
  };
}

async function contentOf(
  fetched: FetchedPackage,
  isWanted: (path: string) => boolean,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const file = await readDebFile(fetched.path, isWanted, signal);
  if (!file) throw new PackageError(fetched.name, `version ${fetched.version} has no ${what}`);
  return file.content;
}
