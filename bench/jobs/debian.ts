import { type Bits, type PackageTree, packageTree, type TreeContents } from '../../src/testing/debian/package-tree.ts';

/** The bench's programs and the libraries that they need, and v86's firmware. Python's name has a version in it. */
const benchContents: TreeContents = {
  name: 'bench',
  packages: ['libc6', 'lua5.4', 'libreadline8', 'libtinfo6', 'mawk', 'gzip', 'tcc', 'libexpat1', 'zlib1g', 'seabios'],
  through: {
    metapackage: 'python3',
    pattern: /^python3\.\d+$/,
    names: (name) => [`${name}-minimal`, `lib${name}-minimal`],
  },
};

/** A program that compiles while it runs. */
const luajitContents: TreeContents = {
  name: 'luajit',
  packages: ['libc6', 'libgcc-s1', 'luajit', 'libluajit-5.1-2'],
};

/** The bench's Debian programs, fetched once into Mezz's folder. */
export const debianTree = (bits: Bits): Promise<PackageTree> => packageTree(benchContents, bits);

/** LuaJIT and its libraries, fetched once into Mezz's folder. */
export const luajitTree = (): Promise<PackageTree> => packageTree(luajitContents, 64);
