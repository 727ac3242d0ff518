// Local APIC with x2APIC mode. Intel SDM volume 3A, chapter 11 "Advanced programmable interrupt controller".
//
// Departures: the register page does not move with IA32_APIC_BASE; its BSP flag and the APIC ID are read-only;
// LINT0 of the bootstrap processor is unmasked as ExtINT after reset, as firmware leaves it (virtual-wire mode, 11.10.1).

import type { TimerClock } from '../../base/index.ts';
import type { BusTarget, IrqLine } from '../bus/index.ts';
import { type ApicRegisters, apicPage, isX2ApicMsr, readX2Apic, writeX2Apic } from './apic-access.ts';
import { ApicBase, maxApicBasePage } from './apic-base.ts';
import { type ApicBus, type ApicMessage, type ApicReceiver, deliveryMode } from './apic-bus.ts';
import { ApicCommandRegister } from './apic-command.ts';
import { isApicAddressed, x2ApicLogicalId } from './apic-destination.ts';
import { ApicErrors } from './apic-errors.ts';
import { LocalVectorTable } from './apic-lvt.ts';
import {
  apicError,
  apicRegister,
  apicVersion,
  IA32_APIC_BASE,
  IA32_TSC_DEADLINE,
  lowestVector,
  lvt,
  lvtEntries,
  spuriousBits,
} from './apic-registers.ts';
import { ApicTimer, apicTimerField, type TscSource } from './apic-timer.ts';
import { ApicVectors, apicVectorsField } from './apic-vectors.ts';
import type { SavedDevice } from './device.ts';
import { OutputLine } from './output-line.ts';
import { bool, list, type StateOf, stateSchema, u8, u32, unsigned } from './state-fields.ts';

export const localApicSizeBytes = 0x1000;

export const localApicSchema = stateSchema('local-apic', 1, {
  isEnabled: bool,
  isX2Apic: bool,
  basePage: unsigned(maxApicBasePage),
  logicalDestination: u32,
  destinationFormat: u32,
  spurious: unsigned(spuriousBits.writable),
  errorStatus: u8,
  pendingErrors: u8,
  commandLow: u32,
  commandHigh: u32,
  lvt: list(u32, lvtEntries),
  vectors: apicVectorsField,
  externalRequested: bool,
  lintLevels: unsigned(3),
  timer: apicTimerField,
});
export type LocalApicState = StateOf<typeof localApicSchema>;

export interface LocalApicOptions {
  readonly id: number;
  readonly isBootstrap: boolean;
  readonly clock: TimerClock;
  readonly tsc: TscSource;
  readonly bus: ApicBus;
  /** INTR of the processor. */
  readonly intr: IrqLine;
  /** Interrupt acknowledge cycle on the 8259 pair. */
  readonly acknowledgePic: () => number;
  readonly onNmi: () => void;
  readonly onInit: () => void;
  readonly onSipi: (vector: number) => void;
}

export class LocalApic implements SavedDevice<LocalApicState>, ApicReceiver {
  readonly name: string;
  readonly schema = localApicSchema;
  readonly id: number;
  /** Sees the wires of the PIC's INTR and of NMI. */
  readonly lint0: IrqLine = { set: (level) => this.#setPin(lvt.lint0, level) };
  readonly lint1: IrqLine = { set: (level) => this.#setPin(lvt.lint1, level) };
  /** The 4 KiB page. */
  readonly page: BusTarget;
  readonly #options: LocalApicOptions;
  readonly #registers: ApicRegisters;
  readonly #intr: OutputLine;
  readonly #timer: ApicTimer;
  readonly #base: ApicBase;
  readonly #lvt: LocalVectorTable;
  readonly #vectors = new ApicVectors();
  readonly #command: ApicCommandRegister;
  readonly #errors = new ApicErrors(() => this.#lvt.raiseError());
  #logicalDestination = 0;
  #destinationFormat = 0xffffffff;
  #spurious = 0xff;
  /** An ExtINT message arrived and is not acknowledged. */
  #externalRequested = false;

  constructor(options: LocalApicOptions) {
    this.#options = options;
    this.id = options.id;
    this.name = `local-apic-${options.id}`;
    this.#intr = new OutputLine(options.intr);
    const { clock, tsc } = options;
    this.#base = new ApicBase(options.isBootstrap);
    this.#timer = new ApicTimer({ clock, tsc, onExpiry: () => this.#lvt.raise(lvt.timer) });
    this.#lvt = new LocalVectorTable({
      acceptFixed: (vector, isLevel) => this.#acceptFixed(vector, isLevel),
      nmi: () => options.onNmi(),
      configureTimer: (mode, isMasked) => this.#timer.configure(mode, isMasked),
    });
    this.#command = new ApicCommandRegister(options.bus, this, () => this.#errors.add(apicError.sendIllegalVector));
    this.#registers = {
      mode: this.#base,
      read: (offset) => this.#readRegister(offset),
      write: (offset, value) => this.#writeRegister(offset, value),
      command: this.#command,
      interruptSelf: (vector) => this.#interruptSelf(vector),
      onIllegalRegister: () => this.#errors.add(apicError.illegalRegister),
    };
    this.page = apicPage(this.#registers);
    this.#resetRegisters();
  }

  get processorPriority(): number {
    return this.#vectors.processorPriority;
  }

  /** INTR, as it stands. */
  get isRequesting(): boolean {
    return this.#intr.level;
  }

  /** Gives the vector to serve; the spurious one when the request has gone. */
  acknowledge(): number {
    if (!this.#base.isEnabled) return this.#options.acknowledgePic();
    const vector = this.#vectors.deliverable();
    if (vector >= 0) {
      this.#vectors.serve(vector);
      this.#update();
      return vector;
    }
    if (!this.#externalPending()) return this.#spurious & spuriousBits.vector;
    this.#externalRequested = false;
    const external = this.#options.acknowledgePic();
    this.#update();
    return external;
  }

  get cr8(): number {
    return this.#vectors.taskPriority >> 4;
  }

  set cr8(value: number) {
    this.#vectors.taskPriority = (value & 15) << 4;
    this.#update();
  }

  /** IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC registers; undefined means #GP(0). */
  readMsr(index: number): bigint | undefined {
    if (index === IA32_APIC_BASE) return this.#base.read();
    if (index === IA32_TSC_DEADLINE) return this.#timer.deadline;
    return this.#base.isX2Apic && isX2ApicMsr(index) ? readX2Apic(this.#registers, index) : undefined;
  }

  /** False means #GP(0). */
  writeMsr(index: number, value: bigint): boolean {
    if (index === IA32_APIC_BASE) return this.#writeBase(value);
    if (index === IA32_TSC_DEADLINE) {
      this.#timer.setDeadline(value);
      return true;
    }
    return this.#base.isX2Apic && isX2ApicMsr(index) && writeX2Apic(this.#registers, index, value);
  }

  isAddressed(destination: number, isLogical: boolean): boolean {
    if (!this.#base.isEnabled) return false;
    const own = {
      id: this.id,
      isX2Apic: this.#base.isX2Apic,
      logicalDestination: this.#logicalDestination,
      destinationFormat: this.#destinationFormat,
    };
    return isApicAddressed(own, destination, isLogical);
  }

  accept(message: ApicMessage): boolean {
    if (!this.#base.isEnabled) return false;
    switch (message.deliveryMode) {
      case deliveryMode.fixed:
      case deliveryMode.lowestPriority:
        if (!(this.#spurious & spuriousBits.enabled)) return false;
        this.#acceptFixed(message.vector, message.isLevel);
        return true;
      case deliveryMode.nmi:
        this.#options.onNmi();
        return true;
      case deliveryMode.init:
        this.#resetRegisters();
        this.#update();
        this.#options.onInit();
        return true;
      case deliveryMode.startup:
        this.#options.onSipi(message.vector);
        return true;
      case deliveryMode.extInt:
        this.#externalRequested = true;
        this.#update();
        return true;
      default: // there is no system management mode
        return false;
    }
  }

  reset(): void {
    this.#base.reset();
    this.#resetRegisters();
    this.#update();
  }

  save(): LocalApicState {
    return {
      ...this.#base.save(),
      logicalDestination: this.#logicalDestination,
      destinationFormat: this.#destinationFormat,
      spurious: this.#spurious,
      ...this.#errors.save(),
      commandLow: this.#command.low,
      commandHigh: this.#command.high,
      ...this.#lvt.save(),
      vectors: this.#vectors.save(),
      externalRequested: this.#externalRequested,
      timer: this.#timer.save(),
    };
  }

  /** Drives INTR anew: the processor does not save its end of that wire. */
  restore(state: LocalApicState): void {
    const checked = localApicSchema.decode(localApicSchema.version, state);
    this.#base.restore(checked);
    this.#logicalDestination = checked.logicalDestination;
    this.#destinationFormat = checked.destinationFormat;
    this.#spurious = checked.spurious;
    this.#errors.restore(checked);
    this.#command.low = checked.commandLow;
    this.#command.high = checked.commandHigh;
    this.#lvt.restore(checked);
    this.#vectors.restore(checked.vectors);
    this.#externalRequested = checked.externalRequested;
    this.#timer.restore(checked.timer);
    this.#intr.drive(false);
    this.#update();
  }

  /** The state after power-up or INIT (11.4.7.1); mode, ID and the levels of the pins stay. */
  #resetRegisters(): void {
    this.#vectors.reset();
    this.#logicalDestination = 0;
    this.#destinationFormat = 0xffffffff;
    this.#spurious = 0xff;
    this.#errors.reset();
    this.#command.low = 0;
    this.#command.high = 0;
    this.#externalRequested = false;
    this.#lvt.reset(this.#options.isBootstrap);
    this.#timer.reset();
  }

  #readRegister(offset: number): number | undefined {
    if (offset >= apicRegister.inService && offset < apicRegister.afterRequest) return this.#readVectors(offset);
    if (offset >= apicRegister.lvtTimer && offset <= apicRegister.lvtError) {
      return this.#lvt.read((offset - apicRegister.lvtTimer) >> 4);
    }
    switch (offset) {
      case apicRegister.id:
        return this.#base.isX2Apic ? this.id : (this.id << 24) >>> 0;
      case apicRegister.version:
        return apicVersion;
      case apicRegister.taskPriority:
        return this.#vectors.taskPriority;
      case apicRegister.processorPriority:
        return this.#vectors.processorPriority;
      case apicRegister.eoi:
        return 0;
      case apicRegister.logicalDestination:
        return this.#base.isX2Apic ? x2ApicLogicalId(this.id) : this.#logicalDestination;
      case apicRegister.destinationFormat:
        return this.#destinationFormat;
      case apicRegister.spurious:
        return this.#spurious;
      case apicRegister.errorStatus:
        return this.#errors.status;
      case apicRegister.commandLow:
        return this.#command.low;
      case apicRegister.commandHigh:
        return this.#command.high;
      case apicRegister.initialCount:
        return this.#timer.initialCount;
      case apicRegister.currentCount:
        return this.#timer.currentCount();
      case apicRegister.divide:
        return this.#timer.divideConfiguration;
      default:
        return undefined;
    }
  }

  #readVectors(offset: number): number {
    const word = (offset >> 4) & 7;
    if (offset < apicRegister.triggerMode) return this.#vectors.inService.word(word);
    if (offset < apicRegister.request) return this.#vectors.triggerMode.word(word);
    return this.#vectors.request.word(word);
  }

  /** False when there is no such register, or none that can be written. */
  #writeRegister(offset: number, value: number): boolean {
    if (offset >= apicRegister.lvtTimer && offset <= apicRegister.lvtError) {
      this.#lvt.write((offset - apicRegister.lvtTimer) >> 4, value, (this.#spurious & spuriousBits.enabled) !== 0);
      this.#update();
      return true;
    }
    switch (offset) {
      case apicRegister.taskPriority:
        this.#vectors.taskPriority = value & 0xff;
        this.#update();
        return true;
      case apicRegister.eoi:
        this.#endOfInterrupt();
        return true;
      case apicRegister.logicalDestination:
        this.#logicalDestination = (value & 0xff000000) >>> 0;
        return true;
      case apicRegister.destinationFormat:
        this.#destinationFormat = (value | 0x0fffffff) >>> 0;
        return true;
      case apicRegister.spurious:
        this.#writeSpurious(value);
        return true;
      case apicRegister.errorStatus:
        this.#errors.publish();
        return true;
      case apicRegister.commandLow:
        this.#command.send(value, this.#base.isX2Apic);
        return true;
      case apicRegister.commandHigh:
        this.#command.high = (value & 0xff000000) >>> 0;
        return true;
      case apicRegister.initialCount:
        this.#timer.setInitialCount(value);
        return true;
      case apicRegister.divide:
        this.#timer.setDivideConfiguration(value);
        return true;
      default: // writes to read-only registers of the page are lost
        return this.#readRegister(offset) !== undefined;
    }
  }

  /** Disabling by software masks the LVT (11.4.7.2). */
  #writeSpurious(value: number): void {
    this.#spurious = value & spuriousBits.writable;
    if (value & spuriousBits.enabled) return;
    this.#lvt.maskAll();
    this.#update();
  }

  #endOfInterrupt(): void {
    const vector = this.#vectors.endOfInterrupt();
    if (vector < 0) return;
    this.#update();
    if (!this.#vectors.triggerMode.has(vector)) return;
    this.#lvt.endOfInterrupt(vector);
    this.#options.bus.endOfInterrupt(vector);
  }

  #setPin(entry: number, level: boolean): void {
    this.#lvt.setPin(entry, level, this.#base.isEnabled);
    this.#update();
  }

  #interruptSelf(vector: number): void {
    this.accept({ deliveryMode: deliveryMode.fixed, vector, destination: this.id, isLogical: false, isLevel: false });
  }

  #acceptFixed(vector: number, isLevel: boolean): void {
    if (vector < lowestVector) {
      this.#errors.add(apicError.receiveIllegalVector);
      return;
    }
    this.#vectors.raise(vector, isLevel);
    this.#update();
  }

  #writeBase(value: bigint): boolean {
    const wasEnabled = this.#base.isEnabled;
    if (!this.#base.write(value)) return false;
    if (wasEnabled && !this.#base.isEnabled) this.#resetRegisters();
    this.#update();
    return true;
  }

  #externalPending(): boolean {
    return this.#externalRequested || this.#lvt.isExternalRequested;
  }

  #update(): void {
    if (!this.#base.isEnabled) this.#intr.drive(this.#lvt.isLint0High);
    else this.#intr.drive(this.#externalPending() || this.#vectors.deliverable() >= 0);
  }
}
