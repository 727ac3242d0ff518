import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes that belong to one piece of code: the longest instruction, one more, and room to get into step again. */
const slotBytes = 32;
const nop = 0x90;

export type DisassemblerMode = 16 | 32 | 64;
const machines: Record<DisassemblerMode, readonly string[]> = {
  16: ['-m', 'i8086'],
  32: ['-m', 'i386'],
  64: ['-m', 'i386:x86-64', '-M', 'intel64'],
};

/** What objdump makes of the instruction at the start of some bytes. */
export interface Disassembled {
  readonly length: number;
  readonly text: string;
}

/** Whether binutils' objdump is here. */
export const hasObjdump = (): boolean => spawnSync('objdump', ['--version']).status === 0;

/** The linear address of a piece, for the targets of branches. */
export const addressOfPiece = (index: number): number => index * slotBytes;

/** The first instruction of each piece of at most 16 bytes; NOPs follow it. */
export function disassemble(
  mode: DisassemblerMode,
  pieces: readonly Uint8Array[],
  syntax: 'att' | 'intel' = 'att',
): Disassembled[] {
  const image = new Uint8Array(pieces.length * slotBytes).fill(nop);
  pieces.forEach((piece, i) => void image.set(piece.subarray(0, slotBytes / 2), i * slotBytes));
  const folder = mkdtempSync(join(tmpdir(), 'mezz-objdump-'));
  try {
    const file = join(folder, 'code.bin');
    writeFileSync(file, image);
    const args = ['-D', '-z', '-w', '--insn-width=16', '-b', 'binary', ...machines[mode], '-M', syntax, file];
    const { stdout, status, stderr } = spawnSync('objdump', args, { encoding: 'latin1', maxBuffer: 1 << 30 });
    if (status !== 0) throw new Error(`Cannot disassemble: objdump says ${stderr}`);
    return parse(stdout, pieces.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parse(listing: string, count: number): Disassembled[] {
  const first = new Map<number, Disassembled>();
  for (const line of listing.split('\n')) {
    const [, at, bytes, text = ''] = /^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(.*)$/.exec(line) ?? [];
    if (at === undefined || bytes === undefined) continue;
    const address = Number.parseInt(at, 16);
    if (address % slotBytes === 0) first.set(address / slotBytes, { length: bytes.length / 3, text: text.trim() });
  }
  return Array.from({ length: count }, (_, i) => {
    const found = first.get(i);
    if (!found) throw new Error(`Cannot disassemble: objdump is out of step at piece ${i}`);
    return found;
  });
}
