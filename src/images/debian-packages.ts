/**
 * Fetches Debian packages with apt, from the sources, mirrors and keyrings that the system is configured with, but with
 * lists and downloads in a private folder: no root, and the system doesn't change. apt checks signatures and hashes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProgramError, type ProgramOptions, runProgram } from './program.ts';

export type DebianArchitecture = 'amd64' | 'i386';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Names of the packages that it depends on, alternatives left out. */
  readonly dependencies: readonly string[];
}

export interface FetchedPackage extends DebianPackage {
  readonly path: string;
}

export interface PackageProgress {
  readonly phase: 'lists' | 'download';
  /** From 0 to 1. */
  readonly fraction: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
}

export interface PackageOptions {
  readonly architecture: DebianArchitecture;
  readonly onProgress?: ((progress: PackageProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A package that the system's sources don't have, or that arrived damaged. */
export class PackageError extends Error {
  readonly packageName: string;

  constructor(packageName: string, reason: string, options?: ErrorOptions) {
    super(`Cannot fetch Debian package "${packageName}": ${reason}`, options);
    this.name = 'PackageError';
    this.packageName = packageName;
  }
}

/** apt with a state of its own, in one folder and for one architecture. */
export class PrivateApt {
  readonly #folder: string;
  readonly #options: PackageOptions;
  /** Why the last update of the package lists failed in part, if it did. */
  #updateError: ProgramError | undefined;

  private constructor(folder: string, options: PackageOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Prepares an empty folder and reads the package lists into it. */
  static async create(folder: string, options: PackageOptions): Promise<PrivateApt> {
    const apt = new PrivateApt(folder, options);
    await mkdir(join(folder, 'lists/partial'), { recursive: true });
    await mkdir(join(folder, 'archives/partial'), { recursive: true });
    await writeFile(join(folder, 'status'), '');
    await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder, options.architecture));
    await apt.#update();
    return apt;
  }

  /** What went wrong with some of the lists; the others serve all the same. */
  get warning(): string | undefined {
    return this.#updateError?.message;
  }

  /** A list that fails (a mirror in mid-update) leaves the others usable: what is missing shows itself in `find`. */
  async #update(): Promise<void> {
    try {
      await this.#run('apt-get', ['update'], (fraction) => this.#options.onProgress?.({ phase: 'lists', fraction }));
    } catch (error) {
      if (!(error instanceof ProgramError) || error.exitCode === undefined) throw error;
      this.#updateError = error;
    }
  }

  /** The newest version of a package. Throws PackageError when the sources don't have it. */
  async find(name: string): Promise<DebianPackage> {
    try {
      return parsePackage(await this.#run('apt-cache', ['show', '--no-all-versions', name]), name);
    } catch (cause) {
      if (!(cause instanceof ProgramError) || cause.exitCode === undefined) throw cause;
      const reason = `the system's package sources don't have it for ${this.#options.architecture}`;
      throw new PackageError(name, reason, { cause: this.#updateError ?? cause });
    }
  }

  /** Downloads packages into the private folder and checks their SHA-256 once more. */
  async download(packages: readonly DebianPackage[]): Promise<FetchedPackage[]> {
    const totalBytes = packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const versions = packages.map(({ name, version }) => `${name}=${version}`);
    const report = (fraction: number): void =>
      this.#options.onProgress?.({
        phase: 'download',
        fraction,
        doneBytes: Math.round(fraction * totalBytes),
        totalBytes,
      });
    report(0);
    await this.#run('apt-get', ['download', ...versions], report);
    report(1);
    const files = await readdir(this.#folder);
    return Promise.all(packages.map((wanted) => this.#check(wanted, files)));
  }

  async #check(wanted: DebianPackage, files: readonly string[]): Promise<FetchedPackage> {
    const file = files.find((name) => name.startsWith(`${wanted.name}_`) && name.endsWith('.deb'));
    if (!file) throw new PackageError(wanted.name, 'apt-get downloaded no file of that name');
    const path = join(this.#folder, file);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    const sha256 = hash.digest('hex');
    if (sha256 === wanted.sha256) return { ...wanted, path };
    throw new PackageError(wanted.name, `its SHA-256 is ${sha256}, the package list has ${wanted.sha256}`);
  }

  #run(program: string, args: readonly string[], onFraction?: (fraction: number) => void): Promise<string> {
    const options: ProgramOptions = {
      folder: this.#folder,
      signal: this.#options.signal,
      onStatusLine: (line) => {
        const percent = /^dlstatus:[^:]*:([0-9.]+):/.exec(line)?.[1];
        if (percent !== undefined) onFraction?.(Math.min(1, Number(percent) / 100));
      },
    };
    const statusArgs = onFraction ? ['-o', 'APT::Status-Fd=3'] : [];
    return runProgram(program, ['-c', join(this.#folder, 'apt.conf'), ...statusArgs, ...args], options);
  }
}

/**
 * Read after the system's own configuration. Hooks of the system are cleared: they would touch its caches. As root, apt
 * would change to a user that may not enter this folder.
 */
export function aptConfiguration(folder: string, architecture: DebianArchitecture): string {
  if (/["\n]/.test(folder))
    throw new RangeError(`Cannot keep package lists in ${JSON.stringify(folder)}: it has a quote`);
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "root";
Dir::State "${folder}";
Dir::State::lists "${folder}/lists";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}";
Dir::Cache::archives "${folder}/archives";
Dir::Log "${folder}";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11 { DefaultEnabled "false"; };
Acquire::IndexTargets::deb::Contents-deb { DefaultEnabled "false"; };
`;
}

/** Reads the first paragraph of what `apt-cache show` writes. */
export function parsePackage(text: string, name: string): DebianPackage {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' && fields.size > 0) break;
    const [, field, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? [];
    if (field !== undefined && value !== undefined) fields.set(field, value);
  }
  const field = (key: string, pattern: RegExp): string => {
    const value = fields.get(key);
    if (value !== undefined && pattern.test(value)) return value;
    throw new PackageError(name, `the package list gives it the ${key} ${JSON.stringify(value ?? '')}`);
  };
  return {
    name: field('Package', /^[a-z0-9][a-z0-9+.-]+$/),
    version: field('Version', /^[A-Za-z0-9.+:~-]+$/),
    architecture: field('Architecture', /^[a-z0-9-]+$/),
    sizeBytes: Number(field('Size', /^\d+$/)),
    sha256: field('SHA256', /^[0-9a-f]{64}$/),
    dependencies: parseDependencies(fields.get('Depends') ?? ''),
  };
}

/** "a (= 1), b | c" gives a and b. */
const parseDependencies = (text: string): string[] =>
  text.split(',').flatMap((item) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(item)?.[1] ?? []);
