import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageTree } from '../debian/package-tree.ts';
import { sourcePackage } from '../debian/source-package.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import { filesIn } from './files.ts';
import { builtOpensslTests, opensslLibrary, opensslSource } from './openssl-build.ts';
import { capabilities, capabilityLine } from './openssl-capabilities.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'openssl-tests';

/** Test programs that need no file, by what they ask for. */
const groups = {
  ciphers: 'destest bftest casttest ideatest rc2test rc4test igetest aesgcmtest chacha_internal_test sm4_internal_test',
  digests:
    'sha_test mdc2test mdc2_internal_test sm3_internal_test hmactest cmactest poly1305_internal_test siphash_internal_test',
  modes: 'modes_internal_test evp_kdf_test pkey_meth_kdf_test pbelutest',
  curves: 'ectest ec_internal_test ecdsatest curve448_internal_test sm2_internal_test',
  'public keys': 'dhtest rsa_test rsa_mp_test',
  'generated keys': 'dsatest rsa_sp800_56b_test ffc_internal_test evp_extra_test2 bntest',
  numbers: 'bn_internal_test exptest constant_time_test bioprinttest params_api_test param_build_test hexstr_test',
  'random numbers': 'rdrand_sanitytest rand_test drbgtest',
  structures:
    'lhash_test sparse_array_test stack_test secmemtest asn1_internal_test asn1_time_test x509_time_test gmdifftest',
} as const;

/** Test programs that read files, and where their sources have these. */
const numberFiles = 'test/recipes/10-test_bn_data';
const algorithmFiles = 'test/recipes/30-test_evp_data';
const conversionFiles = 'test/recipes/04-test_params_conversion_data';
const configuration = 'default-and-legacy.cnf';
const readers = ['evp_test', 'params_conversion_test'];
const tests = [...Object.values(groups).flatMap((group) => group.split(' ')), ...readers];

/** Kinds of files for evp_test; public keys are slow. */
const kinds = ['evpciph', 'evpmd', 'evpmac', 'evpkdf', 'evppbe', 'evprand', 'evpencod', 'evppkey'];

const inAll = (title: string, commands: readonly string[], mask = ''): GuestProgram => ({
  name: title,
  command: `${capabilityLine(mask)}exec sh ./run-tests.sh <<'END'\n${commands.join('\n')}\nEND`,
  expected: { kind: 'verdict', pattern: /^(\d+) tests passed\n$/ },
});

/** Those whose code there is for several generations of processors. */
const bulk = (algorithms: readonly string[]): string[] => [
  ...algorithms.filter((file) => bulkFiles.test(file)).map(evpTest),
  ...['bnmod.txt', 'bnmul.txt'].map((file) => `./bntest ${file}`),
  ...'exptest chacha_internal_test poly1305_internal_test modes_internal_test'.split(' ').map((test) => `./${test}`),
];

const bulkFiles = /^evp(ciph_(aes|chacha|camellia|rc4)|md_(sha|md)|mac_(poly|common))/;
const evpTest = (file: string): string => `./evp_test -config ${configuration} ${file}`;

/** OpenSSL's own test programs with its own data, built from Debian's source. */
export const opensslTests: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: [], 32: [] },
  async prepare(bits) {
    const { root } = await packageTree({ name: 'libc', packages: ['libc6'] }, bits);
    const source = await sourcePackage(opensslSource);
    const folder = await builtOpensslTests(tests, bits);
    const listed = async (where: string): Promise<string[]> =>
      (await readdir(join(source, where))).filter((file) => file.endsWith('.txt')).sort();
    const numbers = await listed(numberFiles);
    const algorithms = await listed(algorithmFiles);
    const conversions = await listed(conversionFiles);
    const paths = [
      ...[...tests, opensslLibrary].map((file) => join(folder, file)),
      ...numbers.map((file) => join(source, numberFiles, file)),
      ...algorithms.map((file) => join(source, algorithmFiles, file)),
      ...conversions.map((file) => join(source, conversionFiles, file)),
      join(source, 'test', configuration),
      join(import.meta.dirname, 'guest/run-tests.sh'),
    ];
    return {
      entries: [...(await treeEntries(root)), ...(await filesIn(suiteFolder(name), paths))],
      programs: [
        ...Object.entries(groups).map(([title, group]) =>
          inAll(
            title,
            group.split(' ').map((test) => `./${test}`),
          ),
        ),
        inAll(
          'bntest',
          numbers.map((file) => `./bntest ${file}`),
        ),
        inAll(
          'params_conversion_test',
          conversions.map((file) => `./params_conversion_test ${file}`),
        ),
        ...kinds.map((kind) =>
          inAll(`evp_test ${kind}`, algorithms.filter((file) => file.startsWith(kind)).map(evpTest)),
        ),
        ...Object.entries(capabilities)
          .slice(1)
          .map(([title, mask]) => inAll(title, bulk(algorithms), mask)),
      ],
    };
  },
};
