import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { WitnessMode } from '../../src/testing/witness/case.ts';
import { engines } from '../../src/testing/witness/engines.ts';
import { Generator } from '../../src/testing/witness/generator.ts';
import { shrink } from '../../src/testing/witness/live.ts';
import { WitnessMachine } from '../../src/testing/witness/machine.ts';
import { hostLimits, NativeHost, nativeObstacle } from '../../src/testing/witness/native-host.ts';
import { reportMismatch } from '../../src/testing/witness/report.ts';
import { Session } from '../../src/testing/witness/session.ts';

const obstacle = nativeObstacle();
const host = obstacle === undefined ? new NativeHost() : undefined;
const seed = Math.floor(Math.random() * 0x8000_0000);
const modes: readonly WitnessMode[] = [64, 32, 16];

after(() => host?.close());

/** Translating each sequence takes the JIT longer. */
const sequences: Readonly<Record<string, number>> = { interpreter: 4000, jit: 1000 };
const combinations = Object.keys(engines).flatMap((engine) => modes.map((mode) => ({ engine, mode })));

const floatObstacle = nativeObstacle(64, ['sse']);
const floatHost = host ?? (floatObstacle === undefined ? new NativeHost() : undefined);
after(() => floatHost?.close());

for (const engine of Object.keys(engines)) {
  test(`the ${engine} does what this host does: floating point with any MXCSR`, {
    skip: floatObstacle ?? false,
  }, async (context) => {
    context.diagnostic(`seed ${seed}`);
    const machine = new WitnessMachine(engines[engine]);
    const session = new Session(floatHost as NativeHost, machine);
    const generator = new Generator({ mode: 64, units: ['sse'], hasFloats: true, limits: hostLimits() });
    await session.run(generator, sequences[engine] ?? 1000, seed);
    const reports = session.mismatches.slice(0, 5).map((m) => reportMismatch(m.test, m.native, m.ours));
    assert.equal(session.mismatches.length, 0, `Seed ${seed}\n${reports.join('\n\n')}`);
  });
}

for (const { engine, mode } of combinations) {
  const skip = obstacle ?? nativeObstacle(mode) ?? false;
  test(`the ${engine} does what this host does: ${mode}-bit code`, { skip }, async (context) => {
    context.diagnostic(`seed ${seed}`);
    const machine = new WitnessMachine(engines[engine]);
    const session = new Session(host as NativeHost, machine);
    const generator = new Generator({ mode, units: ['integer', 'sse', 'mmx'], limits: hostLimits() });
    await session.run(generator, sequences[engine] ?? 1000, seed);
    const reports: string[] = [];
    for (const mismatch of session.mismatches.slice(0, 5)) {
      const least = await shrink(mismatch, host as NativeHost, machine);
      reports.push(reportMismatch(least.test, least.native, least.ours));
    }
    assert.equal(session.mismatches.length, 0, `Seed ${seed}\n${reports.join('\n\n')}`);
  });
}
