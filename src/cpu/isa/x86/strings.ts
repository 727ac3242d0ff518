/** What string instructions (SDM 1, 7.3.9) do that definitions/strings.ts leaves: whole runs within a page at a time, a bounded number of elements a call. */
import { elementsPerEffort } from './effort.ts';
import { subtractionFlags } from './flags.ts';
import { flag, layout, segment } from './layout.ts';
import { formOf, StringOperand, StringRegister, stringRegister } from './string-operand.ts';
import type { X86Cpu } from './system/index.ts';

/** Elements that one call does at most, so that interrupts are not kept waiting. */
const chunkElements = 4096;
/** How many of them an element counts for that is done by itself, as those of devices are: it takes that much longer. */
const singleElementCost = 64;

const flagWords = layout.flagZero >>> 2;

type Helper = (cpu: X86Cpu, a: number, b: number, c: number) => void;

class StringUnit {
  readonly cpu: X86Cpu;
  readonly memory: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  readonly source: StringOperand;
  readonly destination: StringOperand;
  readonly count: StringRegister;
  readonly flags = new Int32Array(6);

  constructor(cpu: X86Cpu) {
    const { buffer } = cpu.state;
    this.cpu = cpu;
    this.memory = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
    this.source = new StringOperand(cpu, this.words, stringRegister.source);
    this.destination = new StringOperand(cpu, this.words, stringRegister.destination);
    this.count = new StringRegister(this.words, stringRegister.count);
  }

  /** A single step, or a breakpoint's trap, follows each iteration (SDM 3B, 18.3.1.4). */
  get isStepped(): boolean {
    return this.cpu.breakpoints.isStepping || ((this.words[layout.eflagsRest >>> 2] ?? 0) & flag.TF) !== 0;
  }

  get isDown(): boolean {
    return ((this.words[layout.eflagsRest >>> 2] ?? 0) & flag.DF) !== 0;
  }

  /** The element at a linear-memory address as an unsigned number of at most 64 bits. */
  element(at: number, bytes: number): bigint | number {
    switch (bytes) {
      case 1:
        return this.memory[at] ?? 0;
      case 2:
        return this.view.getUint16(at, true);
      case 4:
        return this.view.getUint32(at, true);
      default:
        return this.view.getBigUint64(at, true);
    }
  }

  accumulator(bytes: number): bigint | number {
    return this.element(layout.gpr, bytes);
  }

  flushIfBounced(at: number): void {
    if (at === layout.bounce) this.cpu.flushBounce();
  }

  saveFlags(): void {
    for (let i = 0; i < this.flags.length; i++) this.flags[i] = this.words[flagWords + i] ?? 0;
  }

  /** A repetition that faults has the flags from before it (SDM 2B, REP). */
  restoreFlags(): void {
    this.words.set(this.flags, flagWords);
  }

  /** Execution stays at this instruction: it has more to do. */
  again(): void {
    this.cpu.stepTrap = 'repeated';
    this.words[layout.nextRip >>> 2] = this.words[layout.rip >>> 2] ?? 0;
    this.words[(layout.nextRip >>> 2) + 1] = this.words[(layout.rip >>> 2) + 1] ?? 0;
  }
}

const units = new WeakMap<X86Cpu, StringUnit>();
function unitOf(cpu: X86Cpu): StringUnit {
  let unit = units.get(cpu);
  if (!unit) {
    unit = new StringUnit(cpu);
    units.set(cpu, unit);
  }
  return unit;
}

/**
 * Repeats `step`, which does up to `limit` elements and returns how many it did: 0 after a fault, negative to stop after
 * that many. Counts them off rCX, and stays at the instruction when the bound of one call is reached.
 */
function repeat(unit: StringUnit, form: number, step: (limit: number) => number): void {
  const { addressBytes, repeat: prefix } = formOf(form);
  if (prefix === 0) {
    step(1);
    return;
  }
  unit.count.begin(addressBytes);
  unit.count.add(0); // Zero-extended to the address size even when it is zero.
  unit.saveFlags();
  const most = unit.isStepped ? 1 : chunkElements;
  let left = most;
  while (left > 0 && !unit.count.isZero) {
    const done = step(unit.count.upTo(left));
    if (done === 0) {
      unit.restoreFlags();
      return;
    }
    unit.count.add(-Math.abs(done));
    if (done < 0) return;
    left -= done === 1 ? singleElementCost : done;
  }
  unit.cpu.effort += (most - left) / elementsPerEffort;
  if (unit.count.isZero) return;
  // Flags come with the last comparison, unless each iteration traps: a fault further on has those from before.
  if (!unit.isStepped) unit.restoreFlags();
  unit.again();
}

/** Repeated MOVS and STOS zero-extend their pointers to the address size even when they move nothing. */
function extendWhenRepeated(form: number, ...pointers: readonly StringRegister[]): void {
  if (formOf(form).repeat !== 0) for (const register of pointers) register.add(0);
}

const beginSource = (unit: StringUnit, form: number, bytes: number): void => {
  const { addressBytes, segment: from } = formOf(form);
  unit.source.begin(addressBytes, from, 0, bytes);
};
const beginDestination = (unit: StringUnit, form: number, bytes: number, kind: 0 | 1): void =>
  unit.destination.begin(formOf(form).addressBytes, segment.es, kind, bytes);

const movs: Helper = (cpu, bytes, form) => {
  const unit = unitOf(cpu);
  beginSource(unit, form, bytes);
  beginDestination(unit, form, bytes, 1);
  const isDown = unit.isDown;
  const stride = isDown ? -bytes : bytes;
  extendWhenRepeated(form, unit.source.register, unit.destination.register);
  repeat(unit, form, (limit) => {
    const from = unit.source.locate();
    if (from === 0) return 0;
    const value = from === layout.bounce ? unit.element(from, bytes) : undefined;
    const to = unit.destination.locate();
    if (to === 0) return 0;
    let elements = 1;
    if (value === undefined && to !== layout.bounce) {
      const overlapsElement = to > from && to < from + bytes;
      if (!overlapsElement) elements = Math.min(limit, unit.source.run(isDown), unit.destination.run(isDown));
      noteRest(unit, to, elements, bytes);
      copy(unit.memory, from, to, elements * bytes, bytes);
    } else {
      put(unit, to, bytes, value ?? unit.element(from, bytes));
      unit.flushIfBounced(to);
    }
    unit.source.register.add(stride * elements);
    unit.destination.register.add(stride * elements);
    return elements;
  });
};

/** `locate` told the code tracker of the first element only. */
function noteRest(unit: StringUnit, at: number, elements: number, bytes: number): void {
  if (elements > 1 && unit.cpu.code.hasCode(at >>> 12)) unit.cpu.code.written(at, elements * bytes);
}

/**
 * Copies upwards. Where the destination overlaps what is still to be read, what was written is read again, so that the
 * bytes between the two repeat: at least one element is there, or only one is to be copied.
 */
function copy(memory: Uint8Array, from: number, to: number, length: number, bytes: number): void {
  const distance = to - from;
  let done = 0;
  if (distance >= bytes) {
    for (let piece = distance; done + piece < length; piece = distance + done) {
      memory.copyWithin(to + done, from, from + piece);
      done += piece;
    }
  }
  memory.copyWithin(to + done, from, from + length - done);
}

function put(unit: StringUnit, at: number, bytes: number, value: number | bigint): void {
  if (bytes === 8) unit.view.setBigUint64(at, BigInt(value), true);
  else if (bytes === 4) unit.view.setUint32(at, Number(value), true);
  else if (bytes === 2) unit.view.setUint16(at, Number(value), true);
  else unit.memory[at] = Number(value);
}

const stos: Helper = (cpu, bytes, form) => {
  const unit = unitOf(cpu);
  beginDestination(unit, form, bytes, 1);
  const isDown = unit.isDown;
  extendWhenRepeated(form, unit.destination.register);
  repeat(unit, form, (limit) => {
    const to = unit.destination.locate();
    if (to === 0) return 0;
    let elements = 1;
    if (to === layout.bounce) {
      unit.memory.copyWithin(to, layout.gpr, layout.gpr + bytes);
      cpu.flushBounce();
    } else {
      elements = Math.min(limit, unit.destination.run(isDown));
      noteRest(unit, to, elements, bytes);
      fill(unit, to, elements, bytes);
    }
    unit.destination.register.add((isDown ? -bytes : bytes) * elements);
    return elements;
  });
};

function fill(unit: StringUnit, at: number, elements: number, bytes: number): void {
  const low = unit.memory[layout.gpr] ?? 0;
  let isUniform = true;
  for (let i = 1; i < bytes; i++) isUniform &&= unit.memory[layout.gpr + i] === low;
  if (isUniform) {
    unit.memory.fill(low, at, at + elements * bytes);
    return;
  }
  unit.memory.copyWithin(at, layout.gpr, layout.gpr + bytes);
  const length = elements * bytes;
  for (let done = bytes; done < length; done *= 2) {
    unit.memory.copyWithin(at + done, at, at + Math.min(done, length - done));
  }
}

const lods: Helper = (cpu, bytes, form) => {
  const unit = unitOf(cpu);
  beginSource(unit, form, bytes);
  const stride = unit.isDown ? -bytes : bytes;
  repeat(unit, form, () => {
    const from = unit.source.locate();
    if (from === 0) return 0;
    put(unit, layout.gpr, bytes, unit.element(from, bytes));
    if (bytes === 4) unit.words[(layout.gpr >>> 2) + 1] = 0;
    unit.source.register.add(stride);
    return 1;
  });
};

/** After a comparison: goes on while REPE finds equals, or REPNE differences. */
const goesOn = (form: number, isEqual: boolean): boolean => formOf(form).repeat === (isEqual ? 1 : 2);

const cmps: Helper = (cpu, bytes, form) => {
  const unit = unitOf(cpu);
  beginSource(unit, form, bytes);
  beginDestination(unit, form, bytes, 0);
  const stride = unit.isDown ? -bytes : bytes;
  repeat(unit, form, () => {
    // Processors look at the destination first.
    const to = unit.destination.locate();
    if (to === 0) return 0;
    const b = unit.element(to, bytes);
    const from = unit.source.locate();
    if (from === 0) return 0;
    const a = unit.element(from, bytes);
    unit.source.register.add(stride);
    unit.destination.register.add(stride);
    const isEqual = a === b;
    cpu.state.setLazyFlags(subtractionFlags(BigInt(a), BigInt(b), bytes * 8));
    return goesOn(form, isEqual) ? 1 : -1;
  });
};

const scas: Helper = (cpu, bytes, form) => {
  const unit = unitOf(cpu);
  beginDestination(unit, form, bytes, 0);
  const isDown = unit.isDown;
  const accumulator = unit.accumulator(bytes);
  repeat(unit, form, (limit) => {
    const at = unit.destination.locate();
    if (at === 0) return 0;
    const run = at === layout.bounce ? 1 : Math.min(limit, unit.destination.run(isDown));
    const scanned = formOf(form).repeat === 0 ? 1 : scan(unit, form, at, bytes, run, accumulator);
    const elements = Math.abs(scanned);
    const last = unit.element(at + (elements - 1) * bytes, bytes);
    unit.destination.register.add((isDown ? -bytes : bytes) * elements);
    cpu.state.setLazyFlags(subtractionFlags(BigInt(accumulator), BigInt(last), bytes * 8));
    return scanned;
  });
};

/** How many elements were compared; negative when the last one ends the repetition. */
function scan(
  unit: StringUnit,
  form: number,
  at: number,
  bytes: number,
  run: number,
  accumulator: number | bigint,
): number {
  const wanted = goesOn(form, true);
  const { memory } = unit;
  if (bytes === 1) {
    for (let i = 0; i < run; i++) if ((memory[at + i] === accumulator) !== wanted) return -(i + 1);
  } else {
    for (let i = 0; i < run; i++) {
      if ((unit.element(at + i * bytes, bytes) === accumulator) !== wanted) return -(i + 1);
    }
  }
  return run;
}

const xlat: Helper = (cpu, form) => {
  const unit = unitOf(cpu);
  const { addressBytes, segment: from } = formOf(form);
  const rbx = new StringRegister(unit.words, 3);
  rbx.begin(addressBytes);
  const saved = cpu.state.gpr(3);
  rbx.add(unit.memory[layout.gpr] ?? 0);
  const table = new StringOperand(cpu, unit.words, 3);
  table.begin(addressBytes, from, 0, 1);
  const at = table.locate();
  cpu.state.setGpr(3, saved);
  if (at !== 0) unit.memory[layout.gpr] = unit.memory[at] ?? 0;
};

export const stringHelpers: Readonly<Record<string, Helper>> = {
  movsString: movs,
  stosString: stos,
  lodsString: lods,
  cmpsString: cmps,
  scasString: scas,
  xlat,
};
