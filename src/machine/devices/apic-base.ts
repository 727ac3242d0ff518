// IA32_APIC_BASE: whether a local APIC is on, and in which mode. Intel SDM volume 3A, sections 11.4.3, 11.4.4 and 11.12.1.

import { apicBaseBits, defaultApicBase } from './apic-registers.ts';

/** MAXPHYADDR may be 52 at most. */
export const maxApicBasePage = 2 ** 40 - 1;

export interface SavedApicBase {
  readonly isEnabled: boolean;
  readonly isX2Apic: boolean;
  readonly basePage: number;
}

export class ApicBase {
  readonly #isBootstrap: boolean;
  #isEnabled = true;
  #isX2Apic = false;
  #page = defaultApicBase / 0x1000;

  constructor(isBootstrap: boolean) {
    this.#isBootstrap = isBootstrap;
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  get isX2Apic(): boolean {
    return this.#isX2Apic;
  }

  /** The page of registers answers in xAPIC mode only. */
  get hasPage(): boolean {
    return this.#isEnabled && !this.#isX2Apic;
  }

  reset(): void {
    this.restore({ isEnabled: true, isX2Apic: false, basePage: defaultApicBase / 0x1000 });
  }

  read(): bigint {
    return (
      (BigInt(this.#page) << 12n) |
      (this.#isBootstrap ? apicBaseBits.bootstrap : 0n) |
      (this.#isX2Apic ? apicBaseBits.x2Apic : 0n) |
      (this.#isEnabled ? apicBaseBits.enabled : 0n)
    );
  }

  /** Mode transitions as in figure 11-27; false: #GP(0). */
  write(value: bigint): boolean {
    const page = value >> 12n;
    const reserved = value & 0xfffn & ~(apicBaseBits.bootstrap | apicBaseBits.x2Apic | apicBaseBits.enabled);
    if (reserved !== 0n || page > BigInt(maxApicBasePage)) return false;
    const enabled = (value & apicBaseBits.enabled) !== 0n;
    const x2Apic = (value & apicBaseBits.x2Apic) !== 0n;
    if (x2Apic && (!enabled || !this.#isEnabled)) return false;
    if (this.#isX2Apic && enabled && !x2Apic) return false;
    this.restore({ isEnabled: enabled, isX2Apic: x2Apic, basePage: Number(page) });
    return true;
  }

  save(): SavedApicBase {
    return { isEnabled: this.#isEnabled, isX2Apic: this.#isX2Apic, basePage: this.#page };
  }

  restore({ isEnabled, isX2Apic, basePage }: SavedApicBase): void {
    this.#isEnabled = isEnabled;
    this.#isX2Apic = isX2Apic;
    this.#page = basePage;
  }
}
