import { createCipheriv, createHash, createHmac, getCipherInfo, pbkdf2Sync } from 'node:crypto';
import { packageTree } from '../debian/package-tree.ts';
import { treeEntries } from '../debian/tree-archive.ts';
import { capabilities, capabilityLine } from './openssl-capabilities.ts';
import { type GuestProgram, type ProgramSuite, suiteFolder } from './suite.ts';

const name = 'openssl';
const packages = ['libc6', 'openssl', 'libssl3'];

const digests = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha3-256', 'blake2b512', 'blake2s256'];
const ciphers = [
  ...['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'aes-128-ctr', 'aes-256-ctr', 'aes-128-ecb', 'aes-256-ofb'],
  ...['aes-256-cfb', 'chacha20', 'camellia-256-cbc', 'aria-128-ctr', 'des-ede3-cbc', 'sm4-ctr'],
];

/** Bytes without a pattern, always the same; their length is a multiple of no block. */
function sample(length: number): Uint8Array {
  let state = 0x6d657a7a;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const data = sample(300_007);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Answer {
  readonly command: string;
  readonly answer: string;
}

/** What the host's processor makes of the same bytes, by the OpenSSL in Node. */
function answers(): Answer[] {
  const file = (digest: string): string => `openssl dgst -r -${digest}`;
  const hashed = digests.map((digest) => ({
    command: `${file(digest)} data | cut -d" " -f1`,
    answer: createHash(digest).update(data).digest('hex'),
  }));
  const enciphered = ciphers.map((cipher) => {
    const { keyLength = 0, ivLength = 0 } = getCipherInfo(cipher) ?? {};
    const key = sample(keyLength);
    const iv = sample(ivLength);
    const made = createCipheriv(cipher, key, ivLength === 0 ? null : iv);
    const text = Buffer.concat([made.update(data), made.final()]);
    const flags = `-${cipher} -K ${hex(key)}${ivLength === 0 ? '' : ` -iv ${hex(iv)}`}`;
    return {
      command: `openssl enc ${flags} -in data -out text && ${file('sha256')} text | cut -d" " -f1 && openssl enc -d ${flags} -in text | cmp - data`,
      answer: createHash('sha256').update(text).digest('hex'),
    };
  });
  const key = hex(sample(40));
  const keyed = ['sha1', 'sha256', 'sha512'].map((digest) => ({
    command: `openssl dgst -r -${digest} -mac HMAC -macopt hexkey:${key} data | cut -d" " -f1`,
    answer: createHmac(digest, Buffer.from(key, 'hex')).update(data).digest('hex'),
  }));
  const derived = {
    command:
      'openssl kdf -keylen 32 -binary -kdfopt digest:SHA256 -kdfopt pass:mezz -kdfopt salt:saltsalt -kdfopt iter:2000 -out key PBKDF2 && openssl dgst -r -sha256 key | cut -d" " -f1',
    answer: createHash('sha256')
      .update(pbkdf2Sync('mezz', 'saltsalt', 2000, 32, 'sha256'))
      .digest('hex'),
  };
  return [...hashed, ...enciphered, ...keyed, derived];
}

/** Keys made in the guest sign; what was signed verifies, and what was changed since does not. */
const signatures = [
  'RSA -pkeyopt rsa_keygen_bits:2048',
  'EC -pkeyopt ec_paramgen_curve:P-256',
  'EC -pkeyopt ec_paramgen_curve:P-521',
];

const signing = (algorithm: string): GuestProgram => ({
  name: `${algorithm.split(' ').at(0)} ${algorithm.split(':').at(-1)}`,
  command: `set -e
openssl genpkey -algorithm ${algorithm} -out key.pem 2>/dev/null
openssl pkey -in key.pem -check -noout
openssl pkey -in key.pem -pubout -out public.pem
openssl dgst -sha256 -sign key.pem -out signature data
openssl dgst -sha256 -verify public.pem -signature signature data
(cat data && echo) >changed
! openssl dgst -sha256 -verify public.pem -signature signature changed 2>/dev/null`,
  expected: { kind: 'output', text: 'Key is valid\nVerified OK\nVerification failure\n' },
});

/** Debian's OpenSSL, which has code of its own for each generation of processors, beside that of the host. */
export const openssl: ProgramSuite = {
  name,
  bits: [64, 32],
  memoryMiB: 512,
  quick: { 64: [], 32: [] },
  async prepare(bits) {
    const { root } = await packageTree({ name, packages }, bits);
    const known = answers();
    const knownAnswers = Object.entries(capabilities).map(
      ([title, mask]): GuestProgram => ({
        name: title,
        command: `${capabilityLine(mask)}${known.map(({ command }) => command).join('\n')}`,
        expected: { kind: 'output', text: known.map(({ answer }) => `${answer}\n`).join('') },
      }),
    );
    return {
      entries: [...(await treeEntries(root)), { kind: 'file', path: `${suiteFolder(name)}/data`, content: data }],
      programs: [...knownAnswers, ...signatures.map(signing)],
    };
  },
};
