import { TimerQueue } from '../base/index.ts';
import type { AccessSize, BusTarget, IrqLine } from '../machine/bus/index.ts';

/** A clock that tests move by hand; timers expire in order on the way. */
export class FakeClock extends TimerQueue {
  readonly #time: { ns: number };

  constructor() {
    const time = { ns: 0 };
    super({ nowNs: () => time.ns });
    this.#time = time;
  }

  advanceNs(ns: number): void {
    const end = this.#time.ns + ns;
    for (let next = this.nextDeadlineNs(); next !== undefined && next <= end; next = this.nextDeadlineNs()) {
      this.#time.ns = Math.max(this.#time.ns, next);
      this.runExpired();
    }
    this.#time.ns = end;
  }

  /** Time passes while nobody looks at timers, as when the host was busy; then they are looked at once. */
  skipNs(ns: number): void {
    this.#time.ns += ns;
    this.runExpired();
  }
}

/** A clock of a host that does something else between any two of its readings. */
export class BusyClock extends TimerQueue {
  constructor(stepNs: number) {
    let ns = 0;
    super({
      nowNs: () => {
        ns += stepNs;
        return ns;
      },
    });
  }
}

/** A wire's far end that counts what it sees. */
export class FakeLine implements IrqLine {
  level = false;
  risingEdges = 0;

  set(level: boolean): void {
    if (level && !this.level) this.risingEdges++;
    this.level = level;
  }
}

export const in8 = (target: BusTarget, offset: number): number => target.read(offset, 1);
export const out8 = (target: BusTarget, offset: number, value: number): void => target.write(offset, 1, value);
export const in32 = (target: BusTarget, offset: number): number => target.read(offset, 4);
export const out32 = (target: BusTarget, offset: number, value: number): void => target.write(offset, 4, value);

/** A small seeded generator, so that a failing random test can be run again. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Random accesses to some targets, as a guest that tries everything makes them. */
export function hammer(
  targets: readonly { target: BusTarget; sizeBytes: number }[],
  seed: number,
  count = 20_000,
): void {
  const random = seededRandom(seed);
  const sizes: readonly AccessSize[] = [1, 1, 2, 4];
  for (let i = 0; i < count; i++) {
    const { target, sizeBytes } = targets[random(targets.length)]!;
    const size = sizes[random(sizes.length)]!;
    const offset = random(Math.max(1, sizeBytes - size + 1));
    if (random(2) === 0) target.read(offset, size);
    else target.write(offset, size, random(2) === 0 ? random(0x100) : random(2 ** (8 * size)));
  }
}
