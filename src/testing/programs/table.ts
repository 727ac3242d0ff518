import { gcc, tcc } from './compilers.ts';
import { floatChecks } from './float-checks.ts';
import { longDouble } from './long-double.ts';
import { openssl } from './openssl.ts';
import { opensslTests } from './openssl-tests.ts';
import { parallelBuild } from './parallel-build.ts';
import { python } from './python.ts';
import { stressNg } from './stress.ts';
import type { ProgramSuite } from './suite.ts';
import { zlib } from './zlib.ts';

/** All software that the processor is tried with, the quickest first; the last two want several processors. */
export const suites: readonly ProgramSuite[] = [
  ...[floatChecks, longDouble, zlib, tcc, openssl, opensslTests, gcc, python],
  ...[parallelBuild, stressNg],
];
