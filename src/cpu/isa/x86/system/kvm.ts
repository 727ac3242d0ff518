/**
 * The part of KVM's interface to its guests that is offered here: its clock (Linux, Documentation/virt/kvm/x86: cpuid.rst, msr.rst;
 * the structures of pvclock-abi.h). A guest names a place in its RAM, and finds there how to make nanoseconds of its
 * time-stamp counter.
 */
import { vector } from './guest-fault.ts';
import { isCode64 } from './mode.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

export const kvmSignature = 'KVMKVMKVM\0\0\0';

/** Bits of EAX in leaf 0x40000001. */
const feature = { clocksource: 0, noIoDelay: 1, clocksource2: 3, clocksourceStable: 24 } as const;
export const kvmFeatures = Object.values(feature).reduce<number>((word, bit) => word | (1 << bit), 0);

export const kvmMsr = {
  MSR_KVM_WALL_CLOCK: 0x11,
  MSR_KVM_SYSTEM_TIME: 0x12,
  MSR_KVM_WALL_CLOCK_NEW: 0x4b564d00,
  MSR_KVM_SYSTEM_TIME_NEW: 0x4b564d01,
} as const;

/** The registers' values as the guest wrote them. */
export interface SavedKvmClock {
  readonly systemTime: bigint;
  readonly wallClock: bigint;
}

/** KVM_EPERM and KVM_ENOSYS of kvm_para.h. */
const hypercallError = { notPermitted: -1, noSuchCall: -1000 } as const;

/** VMCALL and VMMCALL: none of KVM's hypercalls belongs to what leaf 0x40000001 offers. */
export function hypercall(cpu: X86Cpu): void {
  if (cpu.hypervisor !== 'kvm') cpu.raise(vector.invalidOpcode);
  const { state } = cpu;
  const result = state.cpl === 0 ? hypercallError.noSuchCall : hypercallError.notPermitted;
  state.setGprWords(gprNumber.rax, result, isCode64(state) ? -1 : 0);
}

const enabled = 1n;
const tscStable = 1;
/** Offsets in struct pvclock_vcpu_time_info, and in struct pvclock_wall_clock. Both begin with a version. */
const timeInfo = { tscTimestamp: 8, systemTime: 16, tscToSystemMul: 24, tscShift: 28, flags: 29, bytes: 32 } as const;
const wallClockInfo = { seconds: 4, nanoseconds: 8, bytes: 12 } as const;

/** A shift and a 32-bit binary fraction that make nanoseconds of counts: ((counts << shift) * multiplier) >> 32. */
export function tscScale(tscHz: number): { readonly shift: number; readonly multiplier: number } {
  let shift = 0;
  let ratio = 1e9 / tscHz;
  for (; ratio >= 1; ratio /= 2) shift++;
  for (; ratio < 0.5; ratio *= 2) shift--;
  return { shift, multiplier: Math.floor(ratio * 2 ** 32) };
}

/** The KVM clock of one processor. */
export class KvmClock {
  #systemTime = 0n;
  #wallClock = 0n;
  readonly #cpu: X86Cpu;

  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
  }

  reset(): void {
    this.#systemTime = 0n;
    this.#wallClock = 0n;
  }

  /** undefined: no register of KVM's, or the guest is not to know of KVM. */
  readMsr(index: number): bigint | undefined {
    if (this.#cpu.hypervisor !== 'kvm') return undefined;
    if (index === kvmMsr.MSR_KVM_SYSTEM_TIME || index === kvmMsr.MSR_KVM_SYSTEM_TIME_NEW) return this.#systemTime;
    if (index === kvmMsr.MSR_KVM_WALL_CLOCK || index === kvmMsr.MSR_KVM_WALL_CLOCK_NEW) return this.#wallClock;
    return undefined;
  }

  /** As readMsr; false: a value that is refused. */
  writeMsr(index: number, value: bigint): boolean | undefined {
    if (this.#cpu.hypervisor !== 'kvm') return undefined;
    if (index === kvmMsr.MSR_KVM_SYSTEM_TIME || index === kvmMsr.MSR_KVM_SYSTEM_TIME_NEW) {
      if (value & 2n) return false;
      this.#systemTime = value;
      this.refresh();
      return true;
    }
    if (index !== kvmMsr.MSR_KVM_WALL_CLOCK && index !== kvmMsr.MSR_KVM_WALL_CLOCK_NEW) return undefined;
    if (value & 3n) return false;
    this.#wallClock = value;
    this.#writeWallClock();
    return true;
  }

  /**
   * After the counter was changed. What is written depends on nothing else: all processors count from the VM's beginning, so that
   * their times agree, and what is in a saved RAM is right when that RAM goes on somewhere. A guest that has set a counter is not
   * told that it may take one processor's structure for another's.
   */
  refresh(): void {
    if (!(this.#systemTime & enabled)) return;
    const { tscHz, state } = this.#cpu;
    const { shift, multiplier } = tscScale(tscHz);
    const fields = new DataView(new ArrayBuffer(timeInfo.bytes));
    fields.setBigInt64(timeInfo.tscTimestamp, state.tscOffset, true);
    fields.setBigInt64(timeInfo.systemTime, 0n, true);
    fields.setUint32(timeInfo.tscToSystemMul, multiplier, true);
    fields.setInt8(timeInfo.tscShift, shift);
    fields.setUint8(timeInfo.flags, state.tscAdjust === 0n ? tscStable : 0);
    this.#publish(this.#systemTime & ~enabled, fields);
  }

  /** The time of day when the VM began: what the guest adds to its clock. */
  #writeWallClock(): void {
    if (this.#wallClock === 0n) return;
    const { bus } = this.#cpu;
    const beginMs = Math.max(0, bus.wallClockMs() - bus.nowNs() / 1e6);
    const fields = new DataView(new ArrayBuffer(wallClockInfo.bytes));
    fields.setUint32(wallClockInfo.seconds, Math.floor(beginMs / 1e3), true);
    fields.setUint32(wallClockInfo.nanoseconds, Math.floor((beginMs % 1e3) * 1e6), true);
    this.#publish(this.#wallClock, fields);
  }

  /** Writes a structure behind its version, which is odd meanwhile and another one afterwards; nothing where there is no RAM. */
  #publish(at: bigint, fields: DataView): void {
    const { ram, state, mmu } = this.#cpu;
    const words = Array.from({ length: fields.byteLength / 4 }, (_, i) => {
      const gpa = Number(at) + 4 * i;
      return ram.isReadOnly?.(gpa) === true ? -1 : ram.ramOffset(gpa);
    });
    const [versionAt = -1] = words;
    if (words.includes(-1)) return;
    const version = state.word(versionAt) & ~1;
    fields.setInt32(0, version + 1, true);
    for (const [i, offset] of words.entries()) {
      mmu.noteWrite(offset, 4);
      state.setWord(offset, fields.getInt32(4 * i, true));
    }
    state.setWord(versionAt, version + 2);
  }

  save(): SavedKvmClock {
    return { systemTime: this.#systemTime, wallClock: this.#wallClock };
  }

  restore({ systemTime, wallClock }: SavedKvmClock): void {
    this.#systemTime = systemTime;
    this.#wallClock = wallClock;
    this.refresh();
  }
}
