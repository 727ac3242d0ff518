import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { luajitEntries, luajitResults, luajitWords } from '../../bench/long/luajit.ts';
import { ImageStore, joinInitramfs, writeCpio } from '../../src/images/index.ts';
import { mezz, scratchFile, wantsImage } from './support/mezz.ts';

const minutes = 60_000;
const skip = wantsImage('debian') || (await wantsLuajit());

/** Why tests with LuaJIT are skipped, or false. It is fetched when it is missing. */
async function wantsLuajit(): Promise<string | false> {
  return luajitEntries().then(
    () => false,
    (error: Error) => `LuaJIT cannot be had here: ${error.message}`,
  );
}

test('programs that write code while they run come to the right results', { skip, timeout: 5 * minutes }, async () => {
  const { initrdPath } = await new ImageStore().open('debian');
  const archive = joinInitramfs(readFileSync(initrdPath), writeCpio(await luajitEntries()));
  const initrd = scratchFile('luajit-initrd', archive);
  const names = Object.keys(luajitResults);
  const commands = names.map((name) => `echo "${name}: $(${luajitWords(name).join(' ')})"`);
  const input = `${[...commands, 'poweroff'].join('\n')}\n`;

  const { status, stdout } = await mezz(['run', 'debian', '--initrd', initrd], { input });

  assert.equal(status, 0, stdout);
  for (const [name, result] of Object.entries(luajitResults)) {
    assert.ok(stdout.includes(`\n${name}: ${result}\r\n`), `${name} must be ${result}:\n${stdout}`);
  }
});
