// 8042 keyboard controller with an auxiliary port. IBM PS/2 hardware interface technical reference,
// "Keyboard and auxiliary device controller".
//
// Nothing is plugged into either port: what is sent to a device comes back as "resend" with the time-out
// bit, at once, as the controller answers when a device does not.

import type { BusTarget, IrqLine } from '../bus/index.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { bool, list, nullable, record, type StateOf, stateSchema, u8 } from './state-fields.ts';

const status = { outputFull: 1, system: 4, command: 8, unlocked: 0x10, auxiliary: 0x20, timeout: 0x40 } as const;
const commandByte = {
  keyboardInterrupt: 1,
  auxiliaryInterrupt: 2,
  system: 4,
  keyboardDisabled: 0x10,
  auxiliaryDisabled: 0x20,
  translate: 0x40,
} as const;
/** As firmware leaves it. */
const initialCommandByte = commandByte.keyboardInterrupt | commandByte.system | commandByte.translate;
const outputPort = { notReset: 1, a20: 2, auxiliaryFull: 0x20, keyboardFull: 0x10, idle: 0xc0 } as const;
const inputPortIdle = 0xb0;
const resend = 0xfe;
/** Answers that wait behind the output buffer; a guest that never reads them loses the rest. */
const maxPending = 16;

export const i8042Schema = stateSchema('i8042', 1, {
  memory: list(u8, 32),
  /** The command whose data byte is awaited. */
  command: nullable(u8),
  lastWasCommand: bool,
  lastData: u8,
  answers: list(record({ value: u8, flags: u8 }), 0, maxPending),
});
export type I8042State = StateOf<typeof i8042Schema>;

interface Answer {
  readonly value: number;
  /** Status bits `auxiliary` and `timeout`. */
  readonly flags: number;
}

export interface I8042Options {
  readonly keyboardLine: IrqLine;
  readonly auxiliaryLine: IrqLine;
  readonly onReset: () => void;
  /** The gate behind output port bit 1. */
  readonly a20: { readonly get: () => boolean; readonly set: (enabled: boolean) => void };
}

export class I8042 implements SavedDevice<I8042State> {
  readonly name = 'i8042';
  readonly schema = i8042Schema;
  /** Ports 0x60 and 0x64, one byte each. */
  readonly dataPort: BusTarget = {
    read: () => this.#readData(),
    write: (_offset, _size, value) => this.#writeData(value & 0xff),
  };
  readonly commandPort: BusTarget = {
    read: () => this.#readStatus(),
    write: (_offset, _size, value) => this.#writeCommand(value & 0xff),
  };
  readonly #keyboardLine: OutputLine;
  readonly #auxiliaryLine: OutputLine;
  readonly #onReset: () => void;
  readonly #a20: I8042Options['a20'];
  /** Controller RAM; byte 0 is the command byte. */
  readonly #memory = new Uint8Array(32);
  #command: number | null = null;
  #lastWasCommand = false;
  #answers: Answer[] = [];
  #lastData = 0;

  constructor(options: I8042Options) {
    this.#keyboardLine = new OutputLine(options.keyboardLine);
    this.#auxiliaryLine = new OutputLine(options.auxiliaryLine);
    this.#onReset = options.onReset;
    this.#a20 = options.a20;
    this.#memory[0] = initialCommandByte;
  }

  reset(): void {
    this.#memory.fill(0);
    this.#memory[0] = initialCommandByte;
    this.#command = null;
    this.#lastWasCommand = false;
    this.#answers = [];
    this.#lastData = 0;
    this.#update();
  }

  save(): I8042State {
    return {
      memory: [...this.#memory],
      command: this.#command,
      lastWasCommand: this.#lastWasCommand,
      lastData: this.#lastData,
      answers: this.#answers.map((answer) => ({ ...answer })),
    };
  }

  restore(state: I8042State): void {
    const checked = i8042Schema.decode(i8042Schema.version, state);
    this.#memory.set(checked.memory);
    this.#command = checked.command;
    this.#lastWasCommand = checked.lastWasCommand;
    this.#lastData = checked.lastData;
    const known = status.auxiliary | status.timeout;
    this.#answers = checked.answers.map(({ value, flags }) => ({ value, flags: flags & known }));
    this.#keyboardLine.assume(this.#requests(false));
    this.#auxiliaryLine.assume(this.#requests(true));
  }

  get #mode(): number {
    return this.#memory[0] ?? 0;
  }

  #readStatus(): number {
    const answer = this.#answers[0];
    return (
      status.unlocked |
      (this.#mode & commandByte.system ? status.system : 0) |
      (this.#lastWasCommand ? status.command : 0) |
      (answer ? status.outputFull | answer.flags : 0)
    );
  }

  #readData(): number {
    const answer = this.#answers.shift();
    if (answer) {
      this.#lastData = answer.value;
      // The line falls even when another answer is waiting, so that it rises again.
      this.#keyboardLine.drive(false);
      this.#auxiliaryLine.drive(false);
      this.#update();
    }
    return this.#lastData;
  }

  #writeCommand(command: number): void {
    this.#lastWasCommand = true;
    this.#command = null;
    if (command >= 0x20 && command <= 0x3f) this.#answer(this.#memory[command & 0x1f] ?? 0);
    else if (command >= 0x60 && command <= 0x7f) this.#command = command;
    else if (command >= 0xf0) this.#pulse(command);
    else this.#runCommand(command);
    this.#update();
  }

  #runCommand(command: number): void {
    switch (command) {
      case 0xa4: // is a password installed? No
        this.#answer(0xf1);
        break;
      case 0xa7:
        this.#setMode(this.#mode | commandByte.auxiliaryDisabled);
        break;
      case 0xa8:
        this.#setMode(this.#mode & ~commandByte.auxiliaryDisabled);
        break;
      case 0xaa: // self-test
        this.#answers = [];
        this.#setMode(this.#mode | commandByte.system);
        this.#answer(0x55);
        break;
      case 0xa9: // tests of the ports: no error
      case 0xab:
        this.#answer(0x00);
        break;
      case 0xad:
        this.#setMode(this.#mode | commandByte.keyboardDisabled);
        break;
      case 0xae:
        this.#setMode(this.#mode & ~commandByte.keyboardDisabled);
        break;
      case 0xc0:
        this.#answer(inputPortIdle);
        break;
      case 0xd0:
        this.#answer(this.#readOutputPort());
        break;
      case 0xd1: // these take a data byte
      case 0xd2:
      case 0xd3:
      case 0xd4:
        this.#command = command;
        break;
      case 0xe0: // test inputs: both clocks low
        this.#answer(0x00);
        break;
      default: // unknown commands do nothing
    }
  }

  #writeData(value: number): void {
    const command = this.#command;
    this.#lastWasCommand = false;
    this.#command = null;
    if (command === null) this.#sendToKeyboard();
    else if (command <= 0x7f) this.#memory[command & 0x1f] = value;
    else if (command === 0xd1) this.#writeOutputPort(value);
    else if (command === 0xd2) this.#answer(value);
    else if (command === 0xd3) this.#answer(value, status.auxiliary);
    else if (command === 0xd4) this.#answer(resend, status.auxiliary | status.timeout);
    this.#update();
  }

  /** Sending enables the keyboard port. */
  #sendToKeyboard(): void {
    this.#setMode(this.#mode & ~commandByte.keyboardDisabled);
    this.#answer(resend, status.timeout);
  }

  #setMode(value: number): void {
    this.#memory[0] = value;
  }

  #readOutputPort(): number {
    const auxiliaryFull = this.#answers[0] && this.#answers[0].flags & status.auxiliary ? outputPort.auxiliaryFull : 0;
    const keyboardFull = this.#answers[0] && !auxiliaryFull ? outputPort.keyboardFull : 0;
    const a20 = this.#a20.get() ? outputPort.a20 : 0;
    return outputPort.idle | outputPort.notReset | a20 | auxiliaryFull | keyboardFull;
  }

  #writeOutputPort(value: number): void {
    this.#a20.set((value & outputPort.a20) !== 0);
    if (!(value & outputPort.notReset)) this.#onReset();
  }

  /** Commands 0xf0-0xff pulse the output port bits that are clear in bits 3-0; bit 0 resets the processor. */
  #pulse(command: number): void {
    if (!(command & outputPort.notReset)) this.#onReset();
  }

  #answer(value: number, flags = 0): void {
    if (this.#answers.length < maxPending) this.#answers.push({ value, flags });
  }

  #requests(isAuxiliary: boolean): boolean {
    const answer = this.#answers[0];
    if (!answer || ((answer.flags & status.auxiliary) !== 0) !== isAuxiliary) return false;
    return (this.#mode & (isAuxiliary ? commandByte.auxiliaryInterrupt : commandByte.keyboardInterrupt)) !== 0;
  }

  #update(): void {
    this.#keyboardLine.drive(this.#requests(false));
    this.#auxiliaryLine.drive(this.#requests(true));
  }
}
