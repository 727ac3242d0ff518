// The interrupt command register of a local APIC. Intel SDM volume 3A, section 11.6.1 "Interrupt command register (ICR)".

import { type ApicBus, type ApicMessage, type ApicReceiver, deliveryMode, widenDestination } from './apic-bus.ts';
import { commandBits, lowestVector, shorthand } from './apic-registers.ts';

/** What a command asks for: a message, and who it is for besides those that it names. */
export interface ApicCommand {
  readonly message: ApicMessage;
  readonly to: 'addressed' | 'self' | 'all' | 'others';
}

/** The register of the APIC `own`: writing its low half sends. */
export class ApicCommandRegister {
  low = 0;
  high = 0;
  readonly #bus: ApicBus;
  readonly #own: ApicReceiver;
  readonly #onIllegalVector: () => void;

  constructor(bus: ApicBus, own: ApicReceiver, onIllegalVector: () => void) {
    this.#bus = bus;
    this.#own = own;
    this.#onIllegalVector = onIllegalVector;
  }

  /** Writes the low half. */
  send(low: number, isX2Apic: boolean): void {
    this.low = low & commandBits.writable;
    const command = apicCommandOf(this.low, this.high, isX2Apic);
    if (command === undefined) return;
    if (command === 'illegal-vector') {
      this.#onIllegalVector();
      return;
    }
    const { message, to } = command;
    if (to === 'addressed') this.#bus.send(message);
    else if (to === 'self') this.#own.accept(message);
    else this.#bus.sendToAll(message, to === 'others' ? this.#own : undefined);
  }
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
