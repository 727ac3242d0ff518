import { Decoder, modeKey, x86OpcodeMaps } from '../../cpu/isa/x86/index.ts';
import type { CaseInstruction, WitnessMode } from './case.ts';

const codeSizes = { 64: modeKey.code64, 32: modeKey.code32, 16: modeKey.code16 } as const;
const unknownFlags = { reads: 0, writes: 0, undefined: 0 };

/** The instructions of a sequence that is not freshly generated, by our decoder: for reports. */
export function listInstructions(code: Uint8Array, mode: WitnessMode): CaseInstruction[] {
  const decoder = new Decoder(x86OpcodeMaps);
  const found: CaseInstruction[] = [];
  for (let offset = 0; offset < code.length; ) {
    const instruction = decoder.decode(code, offset, code.length, codeSizes[mode]);
    const length = Math.max(1, instruction?.length ?? code.length - offset);
    found.push({ offset, length, name: instruction?.variant?.row.name ?? '(bad)', flags: unknownFlags });
    offset += length;
  }
  return found;
}
