// How APICs reach each other: interrupt messages, and the broadcast of an EOI to the I/O APICs.
// Intel SDM volume 3A, sections 11.6 "Issuing interprocessor interrupts" and 11.11 "Message signalled interrupts".

/** Delivery modes (figure 11-12). */
export const deliveryMode = {
  fixed: 0,
  lowestPriority: 1,
  smi: 2,
  nmi: 4,
  init: 5,
  startup: 6,
  extInt: 7,
} as const;

/** The physical destination that means every local APIC; 8-bit senders' 0xff is widened to it. */
export const apicBroadcast = 0xffffffff;

export interface ApicMessage {
  readonly deliveryMode: number;
  readonly vector: number;
  readonly destination: number;
  readonly isLogical: boolean;
  readonly isLevel: boolean;
}

/** A local APIC as the bus sees it. */
export interface ApicReceiver {
  isAddressed(destination: number, isLogical: boolean): boolean;
  /** PPR: the lowest one takes a lowest-priority message. */
  readonly processorPriority: number;
  /** False when it takes no such message now. */
  accept(message: ApicMessage): boolean;
}

export interface ApicBus {
  /** True when at least one local APIC took it. */
  send(message: ApicMessage): boolean;
  /** Shorthands "all including self" and "all excluding self": the message's destination does not count. */
  sendToAll(message: ApicMessage, except?: ApicReceiver): boolean;
  /** A level-triggered vector was served. */
  endOfInterrupt(vector: number): void;
}

/** An 8-bit physical destination, widened. */
export const widenDestination = (destination: number, isLogical: boolean): number =>
  destination === 0xff && !isLogical ? apicBroadcast : destination;

export class SystemApicBus implements ApicBus {
  readonly #receivers: ApicReceiver[] = [];
  readonly #eoiListeners: ((vector: number) => void)[] = [];

  attach(receiver: ApicReceiver): void {
    this.#receivers.push(receiver);
  }

  onEndOfInterrupt(listener: (vector: number) => void): void {
    this.#eoiListeners.push(listener);
  }

  send(message: ApicMessage): boolean {
    const addressed = this.#receivers.filter((r) => r.isAddressed(message.destination, message.isLogical));
    return deliver(message, addressed);
  }

  sendToAll(message: ApicMessage, except?: ApicReceiver): boolean {
    return deliver(
      message,
      this.#receivers.filter((r) => r !== except),
    );
  }

  endOfInterrupt(vector: number): void {
    for (const listener of this.#eoiListeners) listener(vector);
  }

  /** A device's write to 0xfee00000-0xfeefffff (SDM 3A, 11.11.1 and 11.11.2). */
  sendMsi(address: number, data: number): boolean {
    const isLogical = (address & 0x4) !== 0;
    return this.send({
      deliveryMode: (data >>> 8) & 7,
      vector: data & 0xff,
      destination: widenDestination((address >>> 12) & 0xff, isLogical),
      isLogical,
      isLevel: (data & 0x8000) !== 0,
    });
  }
}

function deliver(message: ApicMessage, addressed: readonly ApicReceiver[]): boolean {
  if (message.deliveryMode === deliveryMode.lowestPriority) {
    const byPriority = addressed.toSorted((a, b) => a.processorPriority - b.processorPriority);
    return byPriority.some((receiver) => receiver.accept(message));
  }
  let accepted = false;
  for (const receiver of addressed) accepted = receiver.accept(message) || accepted;
  return accepted;
}
