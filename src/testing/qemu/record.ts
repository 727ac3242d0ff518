/**
 * Makes the fixtures of the privileged programs anew: assembles each, runs it on QEMU and stores what QEMU said. Of
 * programs that QEMU cannot witness only the binary is made.
 *
 *     node src/testing/qemu/record.ts [NAME...]
 */
import { writeFileSync } from 'node:fs';
import { buildProgram, programNames, recordFile, unwitnessed } from './programs.ts';
import { runOnQemu } from './run-qemu.ts';

const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : programNames) {
  buildProgram(name);
  if (unwitnessed.has(name)) continue;
  const lines = runOnQemu(name);
  writeFileSync(recordFile(name), `${lines.join('\n')}\n`);
  process.stdout.write(`${name}: ${lines.length} lines, ${lines.at(-1)}\n`);
}
