import { layout, noLookupKey } from '../isa/x86/index.ts';
import type { Installed, LiveCode } from './live-code.ts';
import type { RunningCode } from './running-code.ts';

/** How often a region looks up what it leads to, after translations changed, before the pages there are checked. */
export const linkPatience = 32;

/** Whether regions' pages are mapped as they were when they were translated: asked by generated code. */
export class Verification {
  count = 0;
  /** Called before pages are verified that a region leads to; false: more of them are to be known soon. */
  onLinks: (slot: number) => boolean = () => true;
  readonly #live: LiveCode;
  readonly #code: RunningCode;
  readonly #view: DataView;

  constructor(live: LiveCode, code: RunningCode) {
    this.#live = live;
    this.#code = code;
    this.#view = new DataView(code.bytes.buffer);
  }

  /** Whether the pages of a region that was just entered are mapped as they were; 1 holds until translations change. */
  region(slot: number): number {
    const installed = this.#live.at(slot);
    if (!installed || !this.#areMapped(installed.pages)) return 0;
    this.#note(layout.regionKeys, slot);
    return 1;
  }

  /** The same for the pages that the running region leads to, when it has often looked up what is there. */
  links(slot: number): number {
    const isComplete = this.onLinks(slot);
    const installed = this.#live.at(slot);
    const areMapped = installed !== undefined && this.#areMapped(installed.farPages);
    const isSettled = areMapped && isComplete;
    this.#view.setUint32(layout.linkMisses + 4 * slot, isSettled ? linkPatience : 64 * linkPatience, true);
    if (isSettled) this.#note(layout.linkKeys, slot);
    return areMapped ? 1 : 0;
  }

  #areMapped(pages: Installed['pages']): boolean {
    this.count++;
    return this.#code.areMapped(pages);
  }

  /** Code that is not flat has no key that changes with translations: it is verified each time. */
  #note(keys: number, slot: number): void {
    const key = this.#view.getInt32(this.#code.isInUpperPart() ? layout.lookupKeyHigh : layout.lookupKey, true);
    if (key !== noLookupKey) this.#view.setInt32(keys + 4 * slot, key, true);
  }
}
