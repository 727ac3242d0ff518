// An ISA PC with APICs and ACPI. Addresses as in the PIIX chipsets and the MultiProcessor Specification 1.4.

import type { TimerClock } from '../../base/index.ts';
import { AddressSpace, type BusTarget, type IrqLine } from '../bus/index.ts';
import {
  AcpiPm,
  acpiPmPorts,
  CoprocessorError,
  coprocessorErrorPorts,
  debugExit,
  debugExitPorts,
  defaultApicBase,
  I8042,
  IoApic,
  ioApicPins,
  ioApicSizeBytes,
  LocalApic,
  localApicSizeBytes,
  memorySizeCmos,
  PciHost,
  Pic8259Pair,
  Pit8254,
  Port61,
  Port92,
  pciConfigDataPorts,
  ResetControl,
  RtcMc146818,
  resetControlPorts,
  resetControlValue,
  type SavedDevice,
  type SerialBackend,
  SystemApicBus,
  s5SleepType,
  type TscSource,
  Uart16550,
  uart16550Ports,
} from '../devices/index.ts';
import type { AcpiPlatform, AcpiSerialPort } from '../firmware/index.ts';
import type { GuestMemory, RamRange } from '../memory/index.ts';
import type { Board, BoardListeners, CpuInputs } from './board.ts';

export interface PcConfig {
  readonly cpuCount?: number;
  /** Ports without a backend are not attached. */
  readonly com1?: SerialBackend;
  readonly com2?: SerialBackend;
  readonly com3?: SerialBackend;
  readonly com4?: SerialBackend;
  /** Where `isa-debug-exit` is attached, by convention 0xf4. */
  readonly debugExitPort?: number;
}

export interface PcHost {
  readonly clock: TimerClock;
  /** Milliseconds since 1970, UTC. */
  readonly wallClock: () => number;
  readonly tsc: (cpuIndex: number) => TscSource;
  readonly memory: GuestMemory;
}

const port = {
  masterPic: 0x20,
  pit: 0x40,
  keyboardData: 0x60,
  port61: 0x61,
  keyboardCommand: 0x64,
  rtc: 0x70,
  port92: 0x92,
  slavePic: 0xa0,
  coprocessorError: 0xf0,
  com4: 0x2e8,
  com2: 0x2f8,
  com3: 0x3e8,
  com1: 0x3f8,
  elcr: 0x4d0,
  pmEvent: 0x600,
  pmControl: 0x604,
  pmTimer: 0x608,
  resetWindow: 0xcf8,
  resetControl: 0xcf9,
  pciConfigData: 0xcfc,
} as const;
/** COM3 and COM4 have lines of their own, not COM1's and COM2's: a guest learns them from ACPI. */
const irq = {
  timer: 0,
  keyboard: 1,
  com2: 3,
  com1: 4,
  com3: 5,
  com4: 7,
  rtc: 8,
  sci: 9,
  auxiliary: 12,
  coprocessor: 13,
} as const;
const ioApicAddress = 0xfec00000;
/** The timer's pin; pin 0 takes the 8259 pair as ExtINT. */
const timerGsi = 2;
/** ELCR2: the SCI is level-triggered, as firmware sets it up. */
const elcr2Sci = 1 << (irq.sci - 8);
const fourGiB = 2 ** 32;

export function createPcBoard(config: PcConfig, host: PcHost): Board {
  return new PcBoard(config, host);
}

class PcBoard implements Board {
  readonly cpuCount: number;
  readonly memory: GuestMemory;
  readonly ports = new AddressSpace('ports');
  readonly mmio = new AddressSpace('MMIO');
  readonly devices: readonly SavedDevice<unknown>[];
  readonly acpi: AcpiPlatform;
  readonly #listeners: BoardListeners[] = [];
  readonly #cpuInputs: (CpuInputs | undefined)[] = [];
  readonly #apicBus = new SystemApicBus();
  readonly #localApics: readonly LocalApic[];
  readonly #ioApic: IoApic;
  readonly #pic: Pic8259Pair;
  readonly #acpiPm: AcpiPm;
  readonly #port92: Port92;
  readonly #coprocessorError: CoprocessorError;
  #selected: LocalApic;

  constructor(config: PcConfig, host: PcHost) {
    this.cpuCount = config.cpuCount ?? 1;
    this.memory = host.memory;
    this.#ioApic = new IoApic(this.#apicBus, this.cpuCount);
    this.#apicBus.onEndOfInterrupt((vector) => this.#ioApic.endOfInterrupt(vector));
    this.#pic = new Pic8259Pair(this.#picOutput());
    this.#localApics = Array.from({ length: this.cpuCount }, (_, i) => this.#localApic(i, host));
    const [first] = this.#localApics;
    if (!first) throw new RangeError(`Cannot build a PC with ${this.cpuCount} processors: at least one is needed`);
    this.#selected = first;
    this.#port92 = new Port92({
      onReset: () => this.#requestReset(),
      onA20: (enabled) => this.#tell((l) => l.onA20?.(enabled)),
    });
    this.#coprocessorError = new CoprocessorError(this.#isaLine(irq.coprocessor));
    const sci = this.#isaLine(irq.sci);
    const onPowerOff = () => this.#tell((l) => l.onPowerOff?.());
    this.#acpiPm = new AcpiPm({ clock: host.clock, sci, onPowerOff });
    this.#attachApics();
    this.devices = [
      ...this.#localApics,
      this.#ioApic,
      ...this.#attachInterruptControllers(),
      ...this.#attachTimers(host),
      ...this.#attachSystemControl(),
      ...this.#attachSerial(config),
    ];
    if (config.debugExitPort !== undefined) {
      const target = debugExit((status) => this.#tell((l) => l.onDebugExit?.(status)));
      this.ports.attach(config.debugExitPort, debugExitPorts, target);
    }
    this.acpi = describePlatform(this.cpuCount, config);
    this.#initializeElcr();
  }

  get isA20Enabled(): boolean {
    return this.#port92.a20;
  }

  connectCpu(cpuIndex: number, inputs: CpuInputs): void {
    this.#cpuInputs[cpuIndex] = inputs;
    inputs.setInterrupt(this.#apic(cpuIndex).isRequesting);
  }

  selectCpu(cpuIndex: number): void {
    this.#selected = this.#apic(cpuIndex);
  }

  acknowledge(cpuIndex: number): number {
    return this.#apic(cpuIndex).acknowledge();
  }

  readMsr(cpuIndex: number, index: number): bigint | undefined {
    return this.#apic(cpuIndex).readMsr(index);
  }

  writeMsr(cpuIndex: number, index: number, value: bigint): boolean {
    return this.#apic(cpuIndex).writeMsr(index, value);
  }

  readCr8(cpuIndex: number): number {
    return this.#apic(cpuIndex).cr8;
  }

  writeCr8(cpuIndex: number, value: number): void {
    this.#apic(cpuIndex).cr8 = value;
  }

  /** Only those of the first processor are wired: the others report exceptions as #MF. */
  setFerr(cpuIndex: number, level: boolean): boolean {
    return cpuIndex === 0 && this.#coprocessorError.setFerr(level);
  }

  listen(listeners: BoardListeners): void {
    this.#listeners.push(listeners);
  }

  pressPowerButton(): void {
    this.#acpiPm.pressPowerButton();
  }

  reset(): void {
    // Devices first: their lines fall while the controllers still take notice.
    for (const device of this.devices.toReversed()) device.reset();
    this.#initializeElcr();
  }

  #apic(cpuIndex: number): LocalApic {
    const apic = this.#localApics[cpuIndex];
    if (!apic) throw new RangeError(`Cannot use processor ${cpuIndex}: the board has ${this.cpuCount}`);
    return apic;
  }

  #tell(call: (listeners: BoardListeners) => void): void {
    for (const listeners of this.#listeners) call(listeners);
  }

  #requestReset(): void {
    this.#tell((l) => l.onReset?.());
  }

  /** INTR of the 8259 pair goes to LINT0 of the first processor and to pin 0 of the I/O APIC. */
  #picOutput(): IrqLine {
    const pin = this.#ioApic.line(0);
    return {
      set: (level) => {
        this.#localApics[0]?.lint0.set(level);
        pin.set(level);
      },
    };
  }

  /** An ISA interrupt reaches both controllers; the guest masks one of them. */
  #isaLine(isaIrq: number): IrqLine {
    const legacy = this.#pic.line(isaIrq);
    const pin = this.#ioApic.line(isaIrq === irq.timer ? timerGsi : isaIrq);
    return {
      set(level) {
        legacy.set(level);
        pin.set(level);
      },
    };
  }

  #localApic(id: number, host: PcHost): LocalApic {
    const apic = new LocalApic({
      id,
      isBootstrap: id === 0,
      clock: host.clock,
      tsc: host.tsc(id),
      bus: this.#apicBus,
      intr: { set: (level) => this.#cpuInputs[id]?.setInterrupt(level) },
      acknowledgePic: () => this.#pic.acknowledge(),
      onNmi: () => this.#cpuInputs[id]?.nmi(),
      onInit: () => this.#cpuInputs[id]?.init(),
      onSipi: (vector) => this.#cpuInputs[id]?.sipi(vector),
    });
    this.#apicBus.attach(apic);
    return apic;
  }

  #attachApics(): void {
    const selectedPage: BusTarget = {
      read: (offset, size) => this.#selected.page.read(offset, size),
      write: (offset, size, value) => this.#selected.page.write(offset, size, value),
    };
    this.mmio.attach(defaultApicBase, localApicSizeBytes, selectedPage);
    this.mmio.attach(ioApicAddress, ioApicSizeBytes, this.#ioApic.page);
  }

  #attachInterruptControllers(): SavedDevice<unknown>[] {
    this.ports.attach(port.masterPic, 2, this.#pic.masterPorts);
    this.ports.attach(port.slavePic, 2, this.#pic.slavePorts);
    this.ports.attach(port.elcr, 2, this.#pic.elcrPorts);
    return [this.#pic];
  }

  #attachTimers(host: PcHost): SavedDevice<unknown>[] {
    const { clock, wallClock } = host;
    const pit = new Pit8254({ clock, line: this.#isaLine(irq.timer) });
    const port61 = new Port61(clock, pit);
    const cmos = factoryCmos(host.memory.ranges, this.cpuCount);
    const rtc = new RtcMc146818({ clock, wallClock, line: this.#isaLine(irq.rtc), cmos });
    this.ports.attach(port.pit, 4, pit.ports);
    this.ports.attach(port.port61, 1, port61.ports);
    this.ports.attach(port.rtc, 2, rtc.ports);
    this.ports.attach(port.pmEvent, acpiPmPorts.event, this.#acpiPm.eventPorts);
    this.ports.attach(port.pmControl, acpiPmPorts.control, this.#acpiPm.controlPorts);
    this.ports.attach(port.pmTimer, acpiPmPorts.timer, this.#acpiPm.timerPorts);
    return [pit, port61, rtc, this.#acpiPm];
  }

  #attachSystemControl(): SavedDevice<unknown>[] {
    const onReset = () => this.#requestReset();
    const pciHost = new PciHost();
    const resetControl = new ResetControl({ onReset, configAddress: pciHost.configAddress });
    const keyboardController = new I8042({
      keyboardLine: this.#isaLine(irq.keyboard),
      auxiliaryLine: this.#isaLine(irq.auxiliary),
      onReset,
      a20: { get: () => this.#port92.a20, set: (enabled) => this.#port92.setA20(enabled) },
    });
    this.ports.attach(port.keyboardData, 1, keyboardController.dataPort);
    this.ports.attach(port.keyboardCommand, 1, keyboardController.commandPort);
    this.ports.attach(port.port92, 1, this.#port92.ports);
    this.ports.attach(port.coprocessorError, coprocessorErrorPorts, this.#coprocessorError.ports);
    this.ports.attach(port.resetWindow, resetControlPorts, resetControl.ports);
    this.ports.attach(port.pciConfigData, pciConfigDataPorts, pciHost.configData);
    return [keyboardController, this.#port92, this.#coprocessorError, resetControl, pciHost];
  }

  #attachSerial(config: PcConfig): SavedDevice<unknown>[] {
    return serialPorts(config).map(({ name, port: base, isaIrq, backend }) => {
      const uart = new Uart16550({ name: name.toLowerCase(), line: this.#isaLine(isaIrq), backend });
      this.ports.attach(base, uart16550Ports, uart.ports);
      return uart;
    });
  }

  #initializeElcr(): void {
    this.#pic.elcrPorts.write(1, 1, elcr2Sci);
  }
}

function serialPorts(config: PcConfig): (AcpiSerialPort & { readonly backend: SerialBackend })[] {
  const names = ['com1', 'com2', 'com3', 'com4'] as const;
  return names.flatMap((name) => {
    const backend = config[name];
    if (!backend) return [];
    return [{ name: name.toUpperCase(), port: port[name], sizeBytes: uart16550Ports, isaIrq: irq[name], backend }];
  });
}

/** CMOS bytes that firmware and old systems read: memory sizes, a coprocessor, no disks, the processor count. */
function factoryCmos(ranges: readonly RamRange[], cpuCount: number): Record<number, number> {
  const ends = ranges.map((range) => range.start + range.sizeBytes);
  const lowEnd = Math.max(0, ...ends.filter((end) => end <= fourGiB));
  const highEnd = Math.max(fourGiB, ...ends);
  return { ...memorySizeCmos(lowEnd, highEnd - fourGiB), 20: 0x02, 95: cpuCount - 1 };
}

function describePlatform(cpuCount: number, config: PcConfig): AcpiPlatform {
  return {
    pm1aEvent: { port: port.pmEvent, sizeBytes: acpiPmPorts.event },
    pm1aControl: { port: port.pmControl, sizeBytes: acpiPmPorts.control },
    pmTimer: { port: port.pmTimer, sizeBytes: acpiPmPorts.timer, is32Bit: true },
    sciGsi: irq.sci,
    s5SleepType,
    hasPowerButton: true,
    resetRegister: { port: port.resetControl, value: resetControlValue },
    localApicAddress: defaultApicBase,
    localApics: Array.from({ length: cpuCount }, (_, i) => ({ processorUid: i, apicId: i, isEnabled: true })),
    localNmis: [{ processorUid: 0xff, lint: 1 }],
    ioApics: [{ id: cpuCount, address: ioApicAddress, gsiBase: 0, pinCount: ioApicPins }],
    interruptOverrides: [
      { isaIrq: irq.timer, gsi: timerGsi, polarity: 'activeHigh', trigger: 'edge' },
      { isaIrq: irq.sci, gsi: irq.sci, polarity: 'activeHigh', trigger: 'level' },
    ],
    hasLegacyPics: true,
    hasKeyboardController: true,
    hasVga: false,
    rtc: { isPresent: true, centuryIndex: 0x32 },
    serialPorts: serialPorts(config).map(({ backend: _, ...described }) => described),
  };
}
