/** What OpenSSL finds its code by: all that CPUID says, or less (OPENSSL_ia32cap, a mask of leaf 1 EDX:ECX and leaf 7). */
export const capabilities = {
  'all of CPUID': '',
  // Without PCLMULQDQ and SHA, too: ECX bits 25 (AES), 1 (PCLMULQDQ), 28 (AVX); leaf 7 EBX bits 29 (SHA), 5 (AVX2).
  'without AES and AVX': '~0x1200000200000000:~0x20000020',
  'without SSSE3 too': '~0x1200020200000000:~0x20000020',
  'integer instructions only': '0:0',
} as const;

/** A shell's line that lets OpenSSL see these. */
export const capabilityLine = (mask: string): string => (mask === '' ? '' : `export OPENSSL_ia32cap=${mask}\n`);
