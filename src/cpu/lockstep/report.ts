import { Decoder, describeRegisters, layout, x86OpcodeMaps } from '../isa/x86/index.ts';
import { describeCall } from './bus-log.ts';
import type { LockstepDifference } from './difference.ts';
import type { LockstepEngine } from './engine.ts';

const callsShown = 8;
const traceShown = 200;
const startInstructionsShown = 12;
const pageBytes = 4096;
const longestInstruction = 15;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** All that helps to find the cause, in lines. The engines must not run afterwards. */
export function describeDifference(difference: LockstepDifference, engine: LockstepEngine): string {
  const { reason, slice, fields, ramOffsets } = difference;
  const { from, to } = slice;
  const lines = [
    `Difference: ${reason}`,
    `The slice: instructions ${from.instructions} to ${to.instructions}, from RIP ${hex(slice.startRip)}`,
    `  with ${to.faults - from.faults} faults, ${to.interrupts - from.interrupts} interrupts, ${slice.calls.length} bus accesses`,
    ...fields.map(({ field, subject, reference }) => `  ${field}: subject ${subject}, reference ${reference}`),
    ...ramOffsets.map((offset) => describeRam(offset, engine)),
    `Subject:   ${describeRegisters(engine.subject.cpu)}`,
    `Reference: ${describeRegisters(engine.reference.cpu)}`,
    ...slice.interrupts.map(({ at, vector }) => `Interrupt ${hex(vector)} after instruction ${at.instructions}`),
    ...slice.calls.slice(-callsShown).map((call) => `Bus: ${describeCall(call)}`),
  ];
  if (slice.trace.length > 0) {
    lines.push('The instructions of the slice, as the reference ran them:');
    lines.push(...slice.trace.slice(-traceShown).map((rip) => instructionAt(engine, rip).text));
  } else {
    lines.push("The code at the slice's beginning:", ...codeFrom(engine, slice.startRip));
    lines.push(`The instructions of this slice alone: run again with --from ${from.instructions}`);
  }
  return lines.join('\n');
}

function describeRam(offset: number, { subject, reference }: LockstepEngine): string {
  const word = offset & ~3;
  const [a, b] = [subject, reference].map(({ cpu }) => hex(cpu.state.view.getUint32(word >>> 0, true)));
  return `  RAM at ${hex((word >>> 0) - layout.ram)}: subject ${a}, reference ${b}`;
}

function codeFrom(engine: LockstepEngine, start: bigint): string[] {
  const lines: string[] = [];
  for (let rip = start, i = 0; i < startInstructionsShown; i++) {
    const { text, length } = instructionAt(engine, rip);
    lines.push(text);
    if (length === 0) break;
    rip += BigInt(length);
  }
  return lines;
}

/** The instruction as far as it lies in one page. In the mode of now, which the slice may have changed. */
function instructionAt({ reference }: LockstepEngine, rip: bigint): { text: string; length: number } {
  const { state } = reference.cpu;
  const linear = BigInt.asUintN(64, rip + BigInt(state.segmentBase(1)));
  const low = Number(BigInt.asIntN(32, linear));
  const high = Number(BigInt.asIntN(32, linear >> 32n));
  const address = reference.cpu.translateCode(low, high);
  const name = rip.toString(16).padStart(16);
  if (address === -1) return { text: `${name}  not mapped`, length: 0 };
  const at = address >>> 0;
  const limit = at - (at % pageBytes) + pageBytes;
  const instruction = new Decoder(x86OpcodeMaps).decode(state.u8, at, limit, state.word(layout.modeKey));
  const length = instruction?.length ?? Math.min(longestInstruction, limit - at);
  const bytes = Array.from(state.u8.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return { text: `${name}  ${bytes.padEnd(3 * longestInstruction)}  ${instruction?.variant?.row.name ?? '?'}`, length };
}
