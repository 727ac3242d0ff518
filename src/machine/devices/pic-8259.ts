// 8259A interrupt controllers, two in cascade as in a PC, with the edge/level control registers of chipsets.
// Intel 8259A data sheet (231468-003); ELCR: 82371AB (PIIX4) data sheet, section 4.2.5.3.
//
// Departures: the ELCR alone selects level mode (ICW1.LTIM is ignored, as in the PIIX4), and the 8080 vector
// format does not exist. Both chips are always cascaded.

import type { BusTarget, IrqLine } from '../bus/index.ts';
import { bytePorts } from './byte-ports.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { bool, record, type StateOf, stateSchema, u8, unsigned } from './state-fields.ts';

const icw1 = { initialize: 0x10, single: 2, needsIcw4: 1 } as const;
const icw4 = { autoEoi: 2, fullyNested: 0x10 } as const;
const ocw3 = { selector: 8, readEnable: 2, readIsr: 1, poll: 4, maskEnable: 0x40, mask: 0x20 } as const;
const cascadeInput = 2;
/** Inputs that the ELCR may set to level: not the timer, keyboard, cascade, RTC and coprocessor. */
const elcrWritable = [0xf8, 0xde] as const;

const chipFields = {
  lines: u8,
  edges: u8,
  inService: u8,
  mask: u8,
  levelInputs: u8,
  vectorBase: u8,
  lowestPriority: unsigned(7),
  /** Which ICW is expected next; 0 when initialized or never started. */
  nextIcw: unsigned(4),
  icw1: u8,
  icw4: u8,
  rotateOnAutoEoi: bool,
  specialMask: bool,
  readsIsr: bool,
  polled: bool,
} as const;

export const pic8259Schema = stateSchema('pic-8259', 1, { master: record(chipFields), slave: record(chipFields) });
export type Pic8259State = StateOf<typeof pic8259Schema>;
type ChipState = Pic8259State['master'];
type MutableChipState = { -readonly [K in keyof ChipState]: ChipState[K] };

const resetState: ChipState = {
  lines: 0,
  edges: 0,
  inService: 0,
  mask: 0,
  levelInputs: 0,
  vectorBase: 0,
  lowestPriority: 7,
  nextIcw: 0,
  icw1: 0,
  icw4: 0,
  rotateOnAutoEoi: false,
  specialMask: false,
  readsIsr: false,
  polled: false,
};

export class Pic8259Pair implements SavedDevice<Pic8259State> {
  readonly name = 'pic-8259';
  readonly schema = pic8259Schema;
  /** Two ports each: 0x20 and 0xa0 in a PC. */
  readonly masterPorts: BusTarget;
  readonly slavePorts: BusTarget;
  /** ELCR1 and ELCR2: 0x4d0 and 0x4d1 in a PC. */
  readonly elcrPorts: BusTarget;
  readonly #intr: OutputLine;
  readonly #master: Pic8259;
  readonly #slave: Pic8259;

  constructor(intr: IrqLine) {
    this.#intr = new OutputLine(intr);
    this.#master = new Pic8259((level) => this.#intr.drive(level), cascadeInput);
    // The slave's output is taken as a level: it stays high across an acknowledge when more is pending.
    this.#slave = new Pic8259((level) => this.#master.setInput(cascadeInput, level));
    this.masterPorts = bytePorts(this.#master);
    this.slavePorts = bytePorts(this.#slave);
    const chips = [this.#master, this.#slave] as const;
    this.elcrPorts = bytePorts({
      read: (offset) => chips[offset]?.levelInputs ?? 0xff,
      write: (offset, value) => chips[offset]?.setLevelInputs(value & (elcrWritable[offset] ?? 0)),
    });
  }

  /** The wire of IRQ 0-15; the cascade input, 2, has none. */
  line(irq: number): IrqLine {
    if (irq === cascadeInput) return { set() {} };
    const chip = irq < 8 ? this.#master : this.#slave;
    return { set: (level) => chip.setInput(irq & 7, level) };
  }

  /** INTR, as it stands. */
  get isRequesting(): boolean {
    return this.#intr.level;
  }

  /** The processor's interrupt acknowledge cycles: gives the vector, the spurious one of IRQ 7 when nothing is left. */
  acknowledge(): number {
    const irq = this.#master.acknowledge();
    return irq === cascadeInput ? this.#slave.vector(this.#slave.acknowledge()) : this.#master.vector(irq);
  }

  reset(): void {
    this.#slave.reset();
    this.#master.reset();
  }

  save(): Pic8259State {
    return { master: this.#master.save(), slave: this.#slave.save() };
  }

  restore(state: Pic8259State): void {
    const { master, slave } = pic8259Schema.decode(pic8259Schema.version, state);
    this.#slave.restore(slave);
    this.#master.restore(master);
    this.#intr.assume(this.#master.output);
  }
}

class Pic8259 {
  readonly #onOutput: (level: boolean) => void;
  /** Input with a slave behind it: follows its level in whatever mode. */
  readonly #cascadeMask: number;
  readonly #state: MutableChipState = { ...resetState };
  #output = false;

  constructor(onOutput: (level: boolean) => void, cascade?: number) {
    this.#onOutput = onOutput;
    this.#cascadeMask = cascade === undefined ? 0 : 1 << cascade;
  }

  get output(): boolean {
    return this.#output;
  }

  get levelInputs(): number {
    return this.#state.levelInputs;
  }

  setLevelInputs(mask: number): void {
    this.#state.levelInputs = mask;
    this.#update();
  }

  setInput(input: number, level: boolean): void {
    const state = this.#state;
    const bit = 1 << input;
    if (level) {
      if (!(state.lines & bit)) state.edges |= bit;
      state.lines |= bit;
    } else {
      // The request must stay until it is acknowledged, or it is lost (data sheet, "Interrupt request").
      state.lines &= ~bit;
      state.edges &= ~bit;
    }
    this.#update();
  }

  vector(input: number): number {
    return (this.#state.vectorBase & 0xf8) | input;
  }

  acknowledge(): number {
    const input = this.#deliverable();
    if (input < 0) return 7;
    const state = this.#state;
    const bit = 1 << input;
    state.edges &= ~bit;
    if (!(state.icw4 & icw4.autoEoi)) state.inService |= bit;
    else if (state.rotateOnAutoEoi) state.lowestPriority = input;
    this.#update();
    return input;
  }

  read(offset: number): number {
    const state = this.#state;
    if (state.polled) {
      state.polled = false;
      return this.#deliverable() < 0 ? 0 : 0x80 | this.acknowledge();
    }
    if (offset === 1) return state.mask;
    return state.readsIsr ? state.inService : this.#requests();
  }

  write(offset: number, value: number): void {
    if (offset === 1) this.#writeData(value);
    else if (value & icw1.initialize) this.#startInitialization(value);
    else if (value & ocw3.selector) this.#writeOcw3(value);
    else this.#writeOcw2(value);
    this.#update();
  }

  reset(): void {
    const { lines } = this.#state;
    Object.assign(this.#state, resetState, { lines });
    this.#update();
  }

  save(): ChipState {
    return { ...this.#state };
  }

  restore(state: ChipState): void {
    Object.assign(this.#state, state);
    this.#output = this.#deliverable() >= 0;
  }

  #startInitialization(value: number): void {
    const { lines, levelInputs, vectorBase } = this.#state;
    Object.assign(this.#state, resetState, { lines, levelInputs, vectorBase, icw1: value, nextIcw: 2 });
  }

  #writeData(value: number): void {
    const state = this.#state;
    switch (state.nextIcw) {
      case 2:
        state.vectorBase = value;
        if (!(state.icw1 & icw1.single)) state.nextIcw = 3;
        else state.nextIcw = state.icw1 & icw1.needsIcw4 ? 4 : 0;
        break;
      case 3: // the wiring is fixed
        state.nextIcw = state.icw1 & icw1.needsIcw4 ? 4 : 0;
        break;
      case 4:
        state.icw4 = value;
        state.nextIcw = 0;
        break;
      default:
        state.mask = value;
    }
  }

  #writeOcw2(value: number): void {
    const state = this.#state;
    const input = value & 7;
    switch (value >> 5) {
      case 0:
        state.rotateOnAutoEoi = false;
        break;
      case 4:
        state.rotateOnAutoEoi = true;
        break;
      case 1:
      case 5: {
        const highest = this.#highest(state.specialMask ? state.inService & ~state.mask : state.inService);
        if (highest < 0) break;
        state.inService &= ~(1 << highest);
        if (value >> 5 === 5) state.lowestPriority = highest;
        break;
      }
      case 3:
        state.inService &= ~(1 << input);
        break;
      case 6:
        state.lowestPriority = input;
        break;
      case 7:
        state.inService &= ~(1 << input);
        state.lowestPriority = input;
        break;
      default: // 2: no operation
    }
  }

  #writeOcw3(value: number): void {
    const state = this.#state;
    if (value & ocw3.maskEnable) state.specialMask = (value & ocw3.mask) !== 0;
    if (value & ocw3.poll) state.polled = true;
    else if (value & ocw3.readEnable) state.readsIsr = (value & ocw3.readIsr) !== 0;
  }

  #requests(): number {
    const { lines, edges, levelInputs } = this.#state;
    const levels = levelInputs | this.#cascadeMask;
    return (edges & ~levels) | (lines & levels);
  }

  /** The input that an acknowledge would serve, or -1. */
  #deliverable(): number {
    const state = this.#state;
    const requests = this.#requests() & ~state.mask;
    if (requests === 0) return -1;
    let blocking = state.inService;
    if (state.specialMask) blocking &= ~state.mask;
    // In special fully nested mode a slave in service may interrupt again with something more urgent.
    if (state.icw4 & icw4.fullyNested) blocking &= ~this.#cascadeMask;
    const input = this.#highest(requests | blocking);
    const bit = 1 << input;
    if (state.specialMask) return this.#highest(requests & ~blocking);
    return requests & bit && !(blocking & bit) ? input : -1;
  }

  /** The most urgent input of a set: the one after the lowest priority, and so round. */
  #highest(inputs: number): number {
    if (inputs === 0) return -1;
    const first = (this.#state.lowestPriority + 1) & 7;
    const rotated = ((inputs >> first) | (inputs << (8 - first))) & 0xff;
    return (31 - Math.clz32(rotated & -rotated) + first) & 7;
  }

  #update(): void {
    const output = this.#deliverable() >= 0;
    if (output === this.#output) return;
    this.#output = output;
    this.#onOutput(output);
  }
}
