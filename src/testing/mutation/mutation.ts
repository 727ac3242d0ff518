/** A processor definition changed to be wrong on purpose, and the tests that must notice. */
export interface Mutation {
  readonly family: Family;
  /** What goes wrong. */
  readonly fault: string;
  /** Below src/cpu. */
  readonly file: string;
  /** Text that the file has exactly once, and what it becomes. */
  readonly before: string;
  readonly after: string;
  readonly check: Check;
}

export const families = [
  'integer',
  'shift flags',
  'x87',
  'SSE',
  'extensions',
  'paging',
  'segments',
  'strings',
  'interrupts',
  'JIT',
] as const;
export type Family = (typeof families)[number];

/** Tests of one file, by a pattern for their names. */
export interface Check {
  readonly file: string;
  readonly only?: string;
}

type EngineName = 'interpreter' | 'jit';

/** Sequences that a processor ran natively (tests/witness). */
export const recorded = (name: string, engine: EngineName = 'interpreter'): Check => ({
  file: 'tests/witness/recorded.test.ts',
  only: `^the ${engine} does what a processor did: ${name}$`,
});

/** A privileged program and what QEMU recorded (tests/privileged). */
export const program = (name: string, engine: EngineName = 'interpreter'): Check => ({
  file: 'tests/privileged/privileged.test.ts',
  only: `^the ${engine} ends as QEMU and the manual say ${name}$`,
});

/** x87 instructions that a processor ran, as programs and as calls of the unit. */
export const x87Programs: Check = { file: 'tests/witness/x87.test.ts', only: '^the interpreter ' };
export const x87Cases: Check = {
  file: 'src/cpu/isa/x86/x87/witness/witness.test.ts',
  only: '^every x87 instruction does what the recorded processor did$',
};
export const unit = (file: string): Check => ({ file: `src/cpu/${file}` });
