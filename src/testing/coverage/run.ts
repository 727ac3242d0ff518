/**
 * The coverage report: each form of each instruction definition, and which outside witness has run it.
 *
 *     npm run coverage             a line for each family, and what has no witness
 *     npm run coverage -- --list   each form with its witnesses
 *
 * Fails when less than 99 % is witnessed, or a form has neither a witness nor a reason (explanations.ts).
 */
import { parseArgs } from 'node:util';
import { judge, listLines, measure, reportLines } from './report.ts';

const { values } = parseArgs({ options: { list: { type: 'boolean', default: false } } });
const coverage = await measure();
const lines = values.list ? listLines(coverage) : reportLines(coverage);
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = judge(coverage).isEnough ? 0 : 1;
