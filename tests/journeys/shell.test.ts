import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { mezzCommand, wantsImage } from './support/mezz.ts';
import { Terminal, wantsTerminal } from './support/terminal.ts';

const skip = wantsTerminal() || wantsImage('debian');
const prompt = /root@mezz:~# /;
const minutes = 60_000;

function open(t: TestContext): Terminal {
  const after = 'stty -a | grep -oE "[-]?(icanon|opost)"';
  const terminal = new Terminal([...mezzCommand, 'run'], { rows: 40, columns: 132, after });
  t.after(() => terminal.close());
  return terminal;
}

/** Types a line at the prompt and gives what the guest answers. */
async function ask(terminal: Terminal, line: string): Promise<string> {
  terminal.type(`${line}\r`);
  const answer = await terminal.until(prompt);
  return answer.replaceAll('\r', '').split('\n').slice(1, -1).join('\n');
}

test('a user boots to a shell, looks around and powers off', { skip, timeout: 5 * minutes }, async (t) => {
  const terminal = open(t);
  await terminal.until(prompt);

  assert.match(await ask(terminal, 'uname -a'), /^Linux mezz 6\.\S+-cloud-amd64 .* x86_64 GNU\/Linux$/);
  assert.match(await ask(terminal, 'cat /proc/cpuinfo'), /^processor\t: 0\n(.*\n)*flags\t\t: .*\blm\b/m);
  assert.match(await ask(terminal, 'free'), /^Mem: +4[5-9]\d{4} /m);
  assert.equal(await ask(terminal, 'for i in 1 2 3; do echo $((i * i)); done'), '1\n4\n9');
  assert.equal(await ask(terminal, 'stty size'), '40 132');
  const log = await ask(terminal, 'dmesg');
  assert.match(log, /clocksource: Switched to clocksource tsc$/m);
  assert.doesNotMatch(log, /unstable|Call Trace|BUG:|WARNING:/);
  // Said by the process that Ctrl-C is for. Before it has a process group of its own, Ctrl-C goes to the shell, which waits on.
  terminal.type('sh -c "echo slee\'\'ping; exec sleep 1000"\r');
  await terminal.until(/\nsleeping\r\n/);
  terminal.type('\x03');
  assert.match(await terminal.until(prompt), /\^C/);

  terminal.type('poweroff\r');
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.screen, /\nopost\r\nicanon\r\n$/, 'the terminal is given back');
});

test('Ctrl-A ? explains and Ctrl-A x quits, whatever the guest does', { skip, timeout: 5 * minutes }, async (t) => {
  const terminal = open(t);
  await terminal.until(/Ctrl-A x quits/);
  terminal.type('\x01?');
  await terminal.until(/Ctrl-A a +sends Ctrl-A itself/);
  terminal.type('\x01x');
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.screen, /\nopost\r\nicanon\r\n$/);
});
