import type { DebianArchitecture } from './debian-packages.ts';

/** How a built-in image is made. */
export interface ImageRecipe {
  readonly description: string;
  readonly architecture: DebianArchitecture;
  readonly kernelPackage: string;
  readonly busyboxPackage: string;
  /** The kernel's default command line. */
  readonly commandLine: string;
}

const recipe = (description: string, architecture: DebianArchitecture, kernelPackage: string): ImageRecipe => ({
  description,
  architecture,
  kernelPackage,
  busyboxPackage: 'busybox-static',
  commandLine: 'console=ttyS0 quiet',
});

/** The images that `pull` knows. */
export const imageRecipes: Readonly<Record<string, ImageRecipe>> = {
  debian: recipe('Debian cloud kernel with busybox, 64-bit', 'amd64', 'linux-image-cloud-amd64'),
  'debian-amd64': recipe('Debian kernel with busybox, 64-bit', 'amd64', 'linux-image-amd64'),
  'debian-686': recipe('Debian kernel with busybox, 32-bit without PAE', 'i386', 'linux-image-686'),
  'debian-686-pae': recipe('Debian kernel with busybox, 32-bit with PAE', 'i386', 'linux-image-686-pae'),
};

const aliases: Readonly<Record<string, string>> = { default: 'debian' };

export const imageName = (name: string): string => (Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name);

export const recipeOf = (name: string): ImageRecipe | undefined =>
  Object.hasOwn(imageRecipes, name) ? imageRecipes[name] : undefined;
