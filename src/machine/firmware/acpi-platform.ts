/** A port range of an ACPI fixed-hardware register block. */
export interface AcpiPortBlock {
  readonly port: number;
  readonly sizeBytes: number;
}

/** One processor as the MADT lists it. */
export interface AcpiLocalApic {
  readonly processorUid: number;
  readonly apicId: number;
  readonly isEnabled: boolean;
}

/** An I/O APIC: the interrupts `gsiBase` to `gsiBase + pinCount - 1` arrive at its pins. */
export interface AcpiIoApic {
  readonly id: number;
  readonly address: number;
  readonly gsiBase: number;
  readonly pinCount: number;
}

/** An ISA interrupt that differs from "edge, active high, GSI of the same number". */
export interface AcpiInterruptOverride {
  readonly isaIrq: number;
  readonly gsi: number;
  readonly polarity: 'activeHigh' | 'activeLow';
  readonly trigger: 'edge' | 'level';
}

/** An interrupt wired to a local APIC's LINT pin as NMI. `processorUid` 0xff means all of them. */
export interface AcpiLocalNmi {
  readonly processorUid: number;
  readonly lint: 0 | 1;
}

/** A serial port as the DSDT describes it; `name` is COM1, COM2, ... */
export interface AcpiSerialPort {
  readonly name: string;
  readonly port: number;
  readonly sizeBytes: number;
  readonly isaIrq: number;
}

/** What the ACPI tables say about a board. The board knows it; the table builder reads nothing else. */
export interface AcpiPlatform {
  readonly pm1aEvent: AcpiPortBlock;
  readonly pm1aControl: AcpiPortBlock;
  readonly pmTimer: AcpiPortBlock & { readonly is32Bit: boolean };
  /** Global system interrupt of the SCI, level-triggered, active high. */
  readonly sciGsi: number;
  /** SLP_TYP value that PM1a control takes for S5 (soft off). */
  readonly s5SleepType: number;
  /** Fixed-hardware power button (PWRBTN_STS); false means that the FADT's PWR_BUTTON flag is set. */
  readonly hasPowerButton: boolean;
  readonly resetRegister: { readonly port: number; readonly value: number };
  readonly localApicAddress: number;
  readonly localApics: readonly AcpiLocalApic[];
  readonly localNmis: readonly AcpiLocalNmi[];
  readonly ioApics: readonly AcpiIoApic[];
  readonly interruptOverrides: readonly AcpiInterruptOverride[];
  /** An 8259 pair is present as well (MADT flag PCAT_COMPAT). */
  readonly hasLegacyPics: boolean;
  /** An i8042 controller is present (FADT boot architecture flag 8042). */
  readonly hasKeyboardController: boolean;
  /** A VGA is present; when false the FADT's "VGA Not Present" boot flag is set. */
  readonly hasVga: boolean;
  /** A CMOS RTC is present; `centuryIndex` is the FADT's CENTURY field. */
  readonly rtc: { readonly isPresent: boolean; readonly centuryIndex: number };
  readonly serialPorts: readonly AcpiSerialPort[];
}
