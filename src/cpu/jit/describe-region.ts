import type { CodeContext } from '../interpreter/index.ts';
import { formatInstruction, type Instruction } from '../isa/x86/index.ts';
import { FunctionBody, ModuleBuilder, wasmText } from '../wasm/index.ts';
import { dispatchParams, importInto, regionParams } from './imports.ts';
import type { RegionPlace } from './position.ts';
import type { Region } from './region.ts';
import { translateRegion } from './translate.ts';

interface Mark {
  readonly offset: number;
  readonly instruction: Instruction;
  /** Where its Wasm begins. */
  readonly at: number;
}

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

/**
 * A region as text: each guest instruction with its address, and below it the Wasm that was made of it, in the order of the
 * Wasm. The region is translated once more for this. `rip`: where it is entered.
 */
export function describeRegion(
  region: Region,
  place: RegionPlace,
  rip: bigint,
  context: CodeContext,
  code: Uint8Array,
): string {
  const hasEntries = region.blocks[0]?.targets !== undefined;
  const body = new FunctionBody(hasEntries ? dispatchParams : regionParams);
  const marks: Mark[] = [];
  const mark = (offset: number, instruction: Instruction, at: number): void =>
    void marks.push({ offset, instruction, at });
  translateRegion(body, region, { ...place, hasEntries, mark }, importInto(new ModuleBuilder(), context));
  const wasm = body.code.view();
  const pages = region.pages.map(({ index }) => index).join(', ');
  const sizes = `${region.instructionCount} instructions in ${region.blocks.length} blocks`;
  const lines = [`Region at ${hex(rip)}: ${sizes}, ${wasm.length} bytes of Wasm, pages ${pages} from its own`];
  const firstPage = rip - (rip & 0xfffn);
  let next = 0;
  for (const { at, depth, text } of wasmText(wasm)) {
    for (let begun = marks[next]; begun && begun.at <= at; begun = marks[++next]) {
      lines.push(guestLine(begun, firstPage, region, code));
    }
    lines.push(`${' '.repeat(40)}${'  '.repeat(Math.min(depth, 20))}${text}`);
  }
  return `${lines.join('\n')}\n`;
}

function guestLine(
  { offset, instruction }: Mark,
  firstPage: bigint,
  { pages, farPages }: Region,
  code: Uint8Array,
): string {
  const at = firstPage + BigInt(offset);
  const bytes = Array.from({ length: instruction.length }, (_, i) => {
    const page = [...pages, ...farPages].find(({ index }) => index === (offset + i) >> 12)?.address ?? 0;
    return (code[page + ((offset + i) & 0xfff)] ?? 0).toString(16).padStart(2, '0');
  });
  return `${hex(at)}  ${bytes.join(' ').padEnd(24)}  ${formatInstruction(instruction, at)}`;
}
