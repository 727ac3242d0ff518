// The interrupt command register of a local APIC. Intel SDM volume 3A, section 11.6.1 "Interrupt command register (ICR)".

import { type ApicMessage, deliveryMode, widenDestination } from './apic-bus.ts';
import { commandBits, lowestVector, shorthand } from './apic-registers.ts';

/** What a command asks for: a message, and who it is for besides those that it names. */
export interface ApicCommand {
  readonly message: ApicMessage;
  readonly to: 'addressed' | 'self' | 'all' | 'others';
}

/** Both halves of the register decoded; undefined: nothing happens, or the vector is illegal. */
export function apicCommandOf(
  low: number,
  high: number,
  isX2Apic: boolean,
): ApicCommand | 'illegal-vector' | undefined {
  const mode = (low >> commandBits.deliveryModeShift) & 7;
  const isLevel = (low & commandBits.level) !== 0;
  // INIT level de-assert does nothing on processors since the Pentium 4.
  if (mode === deliveryMode.init && isLevel && !(low & commandBits.assert)) return undefined;
  const vector = low & commandBits.vector;
  if (mode <= deliveryMode.lowestPriority && vector < lowestVector) return 'illegal-vector';
  const isLogical = (low & commandBits.logical) !== 0;
  const destination = isX2Apic ? high : widenDestination(high >>> 24, isLogical);
  // Interprocessor interrupts are edge-triggered whatever the trigger bit says.
  const message: ApicMessage = { deliveryMode: mode, vector, destination, isLogical, isLevel: false };
  return { message, to: receivers[(low >>> commandBits.shorthandShift) & 3] ?? 'addressed' };
}

const receivers: Readonly<Record<number, ApicCommand['to']>> = {
  [shorthand.none]: 'addressed',
  [shorthand.self]: 'self',
  [shorthand.allIncludingSelf]: 'all',
  [shorthand.allExcludingSelf]: 'others',
};
