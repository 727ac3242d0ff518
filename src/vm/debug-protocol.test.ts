import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answerDebugLine,
  type DebugAnswer,
  type DebugQuestion,
  readDebugAnswer,
  readDebugQuestion,
  writeDebugAnswer,
  writeDebugQuestion,
} from './debug-protocol.ts';

const rip = 0xffffffff81000000n;
const region = { rip, mode: 5, pages: 2, entries: 1 };
const translations = {
  regions: () => [region],
  show: (at: bigint) => (at === rip ? 'Region\n' : undefined),
};

const questions: readonly DebugQuestion[] = [{ ask: 'regions' }, { ask: 'region', rip }];
for (const question of questions) {
  test(`a question for ${question.ask} arrives as it was sent`, () => {
    assert.deepEqual(readDebugQuestion(writeDebugQuestion(question)), question);
  });
}

const answers: readonly DebugAnswer[] = [
  { answer: 'regions', regions: [region] },
  { answer: 'region', text: 'a\nb' },
  { answer: 'region', text: undefined },
  { answer: 'refused', reason: 'no' },
];
for (const answer of answers) {
  test(`the answer ${writeDebugAnswer(answer)} arrives as it was sent, on one line`, () => {
    const line = writeDebugAnswer(answer);
    assert.equal(line.includes('\n'), false);
    assert.deepEqual(readDebugAnswer(line), answer);
  });
}

for (const [line, reason] of [
  ['', /no JSON/],
  ['\0\xff{', /no JSON/],
  ['[]', /no JSON object/],
  ['null', /no JSON object/],
  ['7', /no JSON object/],
  ['{"ask":"regions"}', /"version" is undefined/],
  ['{"version":2,"ask":"regions"}', /"version" is 2, this program speaks 1/],
  ['{"version":1}', /"ask" is none of regions, region/],
  ['{"version":1,"ask":"__proto__"}', /"ask" is none of/],
  ['{"version":1,"ask":"region"}', /"rip" is no address/],
  ['{"version":1,"ask":"region","rip":"0x10000000000000000"}', /"rip" is no address/],
  ['{"version":1,"ask":"region","rip":4096}', /"rip" is no address/],
  [`{"version":1,"ask":"regions","x":"${'x'.repeat(1024)}"}`, /longer than 1024/],
  [`${'['.repeat(1000)}`, /no JSON/],
] as const) {
  test(`the line ${JSON.stringify(line.slice(0, 60))} is refused`, () => {
    const answer = readDebugAnswer(answerDebugLine(line, translations));
    assert.equal(answer.answer, 'refused');
    assert.match((answer as { reason: string }).reason, reason);
  });
}

test('answers tell what was translated', () => {
  const ask = (question: DebugQuestion) => readDebugAnswer(answerDebugLine(writeDebugQuestion(question), translations));
  assert.deepEqual(ask({ ask: 'regions' }), { answer: 'regions', regions: [region] });
  assert.deepEqual(ask({ ask: 'region', rip }), { answer: 'region', text: 'Region\n' });
  assert.deepEqual(ask({ ask: 'region', rip: 1n }), { answer: 'region', text: undefined });
});

test('a guest on the interpreter has nothing to show', () => {
  const answer = readDebugAnswer(answerDebugLine(writeDebugQuestion({ ask: 'regions' }), undefined));
  assert.deepEqual(answer, { answer: 'refused', reason: 'the guest runs on the interpreter' });
});

for (const [field, regions] of [
  ['rip', [{ ...region, rip: 'x' }]],
  ['mode', [{ ...region, rip: '0x1', mode: -1 }]],
  ['pages', [{ ...region, rip: '0x1', pages: 1.5 }]],
  ['entries', [{ ...region, rip: '0x1', entries: null }]],
] as const) {
  test(`an answer with a spoiled "${field}" is not believed`, () => {
    const line = JSON.stringify({ version: 1, answer: 'regions', regions });
    assert.throws(() => readDebugAnswer(line), new RegExp(`Cannot read answer: "${field}"`));
  });
}
