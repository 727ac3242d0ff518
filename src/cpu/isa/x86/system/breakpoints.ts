/** Breakpoints of the debug registers (SDM 3B, 18.2 and 18.3). */
import { attention, flag, layout, segment } from '../layout.ts';
import { isCode64 } from './mode.ts';
import { cr4, debugCtl } from './registers.ts';
import { right } from './soft-tlb.ts';
import type { X86State } from './x86-state.ts';

/** R/W fields of DR7. */
const kind = { instruction: 0, write: 1, port: 2, readOrWrite: 3 } as const;
/** L0-L3 and LE: a task switch clears them. */
const localBits = 0x155;
const generalDetect = 1 << 13;
/** BT in DR6: a task with the debug trap flag of its TSS was switched to. */
const taskSwitchHit = 1 << 15;
/** What `hits` may hold: B0-B3 and BT. */
export const possibleHits = taskSwitchHit | 0xf;
/** Bytes by the LEN fields of DR7. */
const lengths = [1, 2, 8, 4] as const;

interface Breakpoint {
  /** Its bit in DR6. */
  readonly hit: number;
  readonly kind: number;
  /** Linear address or port, a multiple of `length`. */
  readonly lo: number;
  readonly hi: number;
  readonly length: number;
}

const isOnPage = ({ lo, hi }: Breakpoint, pageLo: number, pageHi: number): boolean =>
  ((lo ^ pageLo) & ~0xfff) === 0 && hi === (pageHi | 0);

/**
 * What the debug registers watch. Nothing looks at them in pages without breakpoints: the TLB gives no rights for the others,
 * so that data is accessed by the slow path, and code runs one instruction at a time.
 *
 * A data breakpoint is a trap, but generated code stops only where a block ends. An access that hits is therefore refused, as
 * if it faulted; then the engine runs its instruction again as a step of its own, in which the hit is noted.
 */
export class Breakpoints {
  /** Some breakpoint on instructions is enabled. */
  watchesCode = false;
  watchesData = false;
  /** Bits of DR6 for the #DB trap that follows. */
  hits = 0;
  /** One instruction runs as a step of its own. */
  isStepping = false;
  /** An instruction runs that may be refused. */
  mayRefuse = false;
  readonly #state: X86State;
  #enabled: readonly Breakpoint[] = [];
  #ports: readonly Breakpoint[] = [];
  #summary = '';

  constructor(state: X86State) {
    this.#state = state;
  }

  /** After a change of DR0-3, DR7 or CR4.DE; whether translations must be forgotten, as other pages are watched. */
  refresh(): boolean {
    const all = [0, 1, 2, 3].flatMap((number) => this.#read(number));
    this.#enabled = all.filter((each) => each.kind !== kind.port);
    this.#ports = all.filter((each) => each.kind === kind.port);
    this.watchesCode = this.#enabled.some((each) => each.kind === kind.instruction);
    this.watchesData = this.#enabled.some((each) => each.kind !== kind.instruction);
    const summary = JSON.stringify(this.#enabled);
    const isChanged = summary !== this.#summary;
    this.#summary = summary;
    return isChanged;
  }

  #read(number: number): Breakpoint[] {
    const { dr } = this.#state;
    const control = dr[7]?.lo ?? 0;
    const fields = control >>> (16 + 4 * number);
    const isEnabled = (control >>> (2 * number)) & 3;
    if (!isEnabled || ((fields & 3) === kind.port && !(this.#state.cr4 & cr4.DE))) return [];
    const length = (fields & 3) === kind.instruction ? 1 : (lengths[(fields >>> 2) & 3] ?? 1);
    const address = dr[number];
    const [lo, hi] = [(address?.lo ?? 0) & -length, (address?.hi ?? 0) | 0];
    return [{ hit: 1 << number, kind: fields & 3, lo, hi, length }];
  }

  /** What the TLB may allow of `rights` for the page of an address. */
  allowed(rights: number, lo: number, hi: number): number {
    let left = rights;
    for (const each of this.#enabled) {
      if (!isOnPage(each, lo, hi)) continue;
      if (each.kind === kind.instruction) left &= ~right.execute;
      else left &= each.kind === kind.write ? ~right.write : ~(right.read | right.write);
    }
    return left;
  }

  /** Whether code of this page runs one instruction at a time. */
  isCodePage(lo: number, hi: number): boolean {
    return this.watchesCode && this.allowed(right.execute, lo, hi) === 0;
  }

  isDataPage(lo: number, hi: number): boolean {
    return this.watchesData && this.allowed(right.read | right.write, lo, hi) !== (right.read | right.write);
  }

  /** Notes the breakpoints that an access hits. True: it is refused, as the instruction must run as a step of its own. */
  refuses(lo: number, hi: number, size: number, isWrite: boolean): boolean {
    if (!this.watchesData) return false;
    const hits = this.#hitsOf(wideAddress(lo, hi), size, isWrite);
    if (hits === 0) return false;
    if (this.mayRefuse && !this.isStepping) return true;
    this.hits |= hits;
    this.wantStep();
    return false;
  }

  /** Whether an access to these ports is a hit, which `meetsPort` notes once it is done. */
  watchesPort(port: number, bytes: number): boolean {
    return this.#ports.length > 0 && this.#portHits(port, bytes) !== 0;
  }

  /** The instruction that accessed these ports ends its block: a trap follows behind it. */
  meetsPort(port: number, bytes: number): void {
    if (this.#ports.length === 0) return;
    this.hits |= this.#portHits(port, bytes);
    if (this.hits !== 0) this.wantStep();
  }

  #portHits(port: number, bytes: number): number {
    const met = this.#ports.filter(({ lo, hi, length }) => {
      const first = lo >>> 0;
      return hi === 0 && port < first + length && first < port + bytes;
    });
    return met.reduce((hits, each) => hits | each.hit, 0);
  }

  /** A task was switched to whose TSS has the debug trap flag: a trap comes before its first instruction (SDM 3B, 18.3.1.4). */
  enterTrappedTask(): void {
    this.hits |= taskSwitchHit;
    this.wantStep();
  }

  /** An instruction has faulted: what it hit is void. What the delivery of the fault hits comes afterwards, and counts. */
  forgetHits(): void {
    this.hits = 0;
  }

  #hitsOf(address: bigint, size: number, isWrite: boolean): number {
    let hits = 0;
    for (const each of this.#enabled) {
      if (each.kind === kind.instruction || (each.kind === kind.write && !isWrite)) continue;
      const at = wideAddress(each.lo, each.hi);
      if (address < at + BigInt(each.length) && at < address + BigInt(size)) hits |= each.hit;
    }
    return hits;
  }

  /** The instruction at RIP is in a page with breakpoints on instructions. */
  get isInCodePage(): boolean {
    return this.watchesCode && this.isCodePage(this.#codeLow, this.#codeHigh);
  }

  /** Notes in DR6 the breakpoints on the instruction at RIP, unless RF lets it pass; whether there is any. */
  meetsInstruction(): boolean {
    if (!this.watchesCode || this.#state.eflagsRest & flag.RF) return false;
    const [lo, hi] = [this.#codeLow, this.#codeHigh];
    const met = this.#enabled.filter((each) => each.kind === kind.instruction && each.lo === lo && each.hi === hi);
    this.enterException(met.reduce((hits, each) => hits | each.hit, 0));
    return met.length > 0;
  }

  get #codeLow(): number {
    const state = this.#state;
    return (state.word(layout.rip) + (isCode64(state) ? 0 : (state.legacyBase[segment.cs] ?? 0))) | 0;
  }

  get #codeHigh(): number {
    return isCode64(this.#state) ? this.#state.word(layout.rip + 4) : 0;
  }

  /** EFLAGS.TF traps behind taken branches only (SDM 3B, 18.4.3). */
  get stepsBranches(): boolean {
    return (this.#state.debugCtl.lo & debugCtl.BTF) !== 0;
  }

  /** A #DB for these bits of DR6 is about to be delivered; LBR and BTF end (SDM 3B, 18.4.1 and 18.4.3). */
  enterException(status: number): void {
    const [dr6, dr7] = [this.#state.dr[6], this.#state.dr[7]];
    if (status === 0 || !dr6 || !dr7) return;
    this.#state.debugCtl.lo &= ~(debugCtl.LBR | debugCtl.BTF);
    dr6.lo |= status;
    dr7.lo &= ~generalDetect;
  }

  /** RF of an image of EFLAGS, where it matters: nobody else sees that it is set for one instruction. */
  resumeFlag(image: number): number {
    return this.watchesCode ? image & flag.RF : 0;
  }

  /** Has the engine run the next instruction as a step of its own. */
  wantStep(): void {
    this.#state.raiseAttention(attention.singleStep);
  }

  /** Breakpoints of the old task only are off in the new one (SDM 3B, 18.2.4); as `refresh`. */
  leaveTask(): boolean {
    const dr7 = this.#state.dr[7];
    if (!dr7 || !(dr7.lo & localBits)) return false;
    dr7.lo &= ~localBits;
    return this.refresh();
  }
}

const wideAddress = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
