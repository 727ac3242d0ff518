import type { AcpiPlatform, AcpiSerialPort } from './acpi-platform.ts';
import {
  type Aml,
  amlDevice,
  amlEisaId,
  amlInteger,
  amlName,
  amlPackage,
  amlScope,
  amlString,
  ioPorts,
  isaIrq,
  resourceTemplate,
} from './aml.ts';

/** The DSDT's definition block: soft off, processors, and the ISA devices that cannot be discovered. */
export function dsdtContent(platform: AcpiPlatform): Uint8Array {
  const s5 = amlPackage(
    amlInteger(platform.s5SleepType),
    amlInteger(platform.s5SleepType),
    amlInteger(0),
    amlInteger(0),
  );
  const devices = [
    ...platform.localApics.map(({ processorUid }) => processor(processorUid)),
    ...platform.serialPorts.map((port) => serialPort(port, platform.serialPorts)),
    ...(platform.rtc.isPresent ? [clock] : []),
    ...(platform.hasKeyboardController ? [keyboard, mouse] : []),
  ];
  return Uint8Array.from([...amlName('\\_S5', s5), ...amlScope('\\_SB', ...devices)]);
}

/** A processor device; its _UID is the MADT's processor UID. */
function processor(uid: number): Aml {
  const name = `C${uid.toString(16).toUpperCase().padStart(3, '0')}`;
  return amlDevice(name, amlName('_HID', amlString('ACPI0007')), amlName('_UID', amlInteger(uid)));
}

/** A 16550. PCs wire COM1 with COM3 and COM2 with COM4, so those interrupts are marked as shared. */
function serialPort(port: AcpiSerialPort, all: readonly AcpiSerialPort[]): Aml {
  const isShared = all.some((other) => other !== port && other.isaIrq === port.isaIrq);
  return amlDevice(
    port.name,
    amlName('_HID', amlEisaId('PNP0501')),
    amlName('_UID', amlInteger(all.indexOf(port) + 1)),
    amlName('_CRS', resourceTemplate(ioPorts(port.port, port.sizeBytes), isaIrq(port.isaIrq, isShared))),
  );
}

const isaDevice = (name: string, id: string, ...resources: Aml[]): Aml =>
  amlDevice(name, amlName('_HID', amlEisaId(id)), amlName('_CRS', resourceTemplate(...resources)));

const clock = isaDevice('RTC', 'PNP0B00', ioPorts(0x70, 2), isaIrq(8));
const keyboard = isaDevice('KBD', 'PNP0303', ioPorts(0x60, 1), ioPorts(0x64, 1), isaIrq(1));
const mouse = isaDevice('MOU', 'PNP0F13', isaIrq(12));
