/**
 * Where a vCPU's state lies in its linear memory. Generated code uses these as constant offsets;
 * TypeScript reads the same bytes through `X86State`. Everything below 0x100 can be named by the
 * one-byte operand fields of a decoded record (see interpreter/record.ts).
 */
export const layout = {
  /** RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15: 8 bytes each. Byte register AL is at +0, AH at +1. */
  gpr: 0x00,
  /** Always zero: the base or index of an address that has none. */
  zero: 0x80,
  /** RIP minus the page offset of the running instruction: RIP = codePage + record offset. */
  codePage: 0x88,
  /** Effective-address temporary. */
  ea: 0x90,
  /** Cleared scratch, 8 bytes. */
  temp: 0x98,
  /** ES, CS, SS, DS, FS, GS bases, 8 bytes each (linear, zero in 64-bit mode for all but FS and GS). */
  segmentBase: 0xa0,
  /** Lazy flags, three 64-bit words: see flags.ts. */
  flagZero: 0xd0,
  flagSign: 0xd8,
  flagCarry: 0xe0,
  /** The EFLAGS bits that are not lazy (all but CF, PF, AF, ZF, SF, OF), in place. Bit 1 is kept set. */
  eflagsRest: 0xe8,
  /** RIP of the instruction that is executing when a helper is called, or about to when none is. */
  rip: 0xf0,
  /** Where execution goes when the helper is done; a helper that transfers control writes it. */
  nextRip: 0xf8,

  /** Six selectors, u32 each, in the order ES, CS, SS, DS, FS, GS. */
  selector: 0x100,
  /** Six limits in bytes (granularity applied), u32 each. */
  segmentLimit: 0x118,
  /** Six attribute words, u32 each: descriptor bits 40-55 (type..G) in bits 0-15, bit 16 = null/unusable. */
  segmentAttributes: 0x130,
  /** Current privilege level, u32. */
  cpl: 0x148,
  /** `ModeKey`: every mode bit that changes decoding (see mode.ts), u32. */
  modeKey: 0x14c,
  /** Address of the TLB bank in use, u32: see `tlb`. */
  tlbBank: 0x150,
  /** Non-zero when something outside the instruction stream wants attention, u32 (see `attention`). */
  attention: 0x154,
  /** Instructions that may still run in this slice, i32; generated code keeps it in a register while inside. */
  budget: 0x158,
  /** Set by the slow path of a memory access that faulted, u32. The fault itself is kept by the system part. */
  faulted: 0x15c,
  /** Why generated code was left, u32 (see interpreter/record.ts). */
  exitCode: 0x160,
  /**
   * What the meaning of a RIP depends on, u32 each for the lower and the upper part of the address space: the generation of
   * its translations, the rights and the mode key. `noLookupKey`: code is not flat, and RIP alone does not say what runs.
   */
  lookupKey: 0x164,
  lookupKeyHigh: 0x168,
  /** The first RIP, unsigned, that goes by `lookupKeyHigh`, i64: see `upperPart`. */
  upperPart: 0x170,
  /** Where this vCPU's TLB banks begin, u32: at `layout.tlb` for the first one. */
  tlbBanks: 0x178,
  /** PAUSEs that may still run before the slice ends, u32: a vCPU that spins makes room for others. 0: none is waiting. */
  pauses: 0x17c,
  /** Counted up whenever a RIP may mean other code than before, u32: calls that were made earlier do not return then. */
  fetchEpoch: 0x16c,
  /** Arguments and results of helpers that do not fit i32 parameters, 8 x 8 bytes. */
  helper: 0x180,
  /** Bits of an effective address that count, i64: all in 64-bit mode, the low 32 elsewhere. */
  addressMask: 0x1c0,
  /** Highest RIP that may be fetched, i64: the CS limit, or -1 (unsigned: all) in 64-bit mode. */
  codeLimit: 0x1c8,
  /** Bits of ESP that count outside of 64-bit mode, u32: by SS.B. */
  stackMask: 0x1d0,
  /** Record at which generated code was left, u32 (see interpreter/record.ts). */
  exitRecord: 0x1d4,
  /** Set when translated code was dropped, u32; translated regions clear it when they begin. */
  codeDropped: 0x1d8,
  /** Instructions that translated regions have retired since this was cleared, u32; counted for statistics only. */
  translatedCount: 0x1dc,

  /** The level of INTR, u32: 0 or 1. The attention word has it only while interrupts are enabled. */
  interruptLine: 0x300,
  /** The TLB bank of a supervisor with EFLAGS.AC set, u32. */
  tlbBankWithAc: 0x304,
  /** Before the instruction at this RIP no interrupt is taken, once: STI set IF just before it. i64, -1: none. */
  shadowRip: 0x308,
  /** IA32_KERNEL_GS_BASE, i64. */
  kernelGsBase: 0x310,
  /** Bases of ES, CS, SS, DS as loaded, f64 each; 64-bit mode runs with zero in their place (SDM 3A, 3.4.4). */
  legacyBase: 0x318,
  /** IA32_STAR, IA32_LSTAR and IA32_FMASK, i64 each. */
  star: 0x338,
  lstar: 0x340,
  sfmask: 0x348,
  /** 64-bit code runs with IA32_EFER.SCE set and EFLAGS.TF clear, u32: 0 or 1. */
  fastSystemCalls: 0x350,
  /** Flat 32-bit code runs outside of IA-32e mode, protected, and with EFLAGS.TF clear, u32: 0 or 1. */
  flatSystemCalls: 0x354,

  /**
   * The form of the arithmetic flags, u32 (see flag-forms.ts): translated code leaves what they came from, and its operands,
   * i64 each. Everyone else finds, and leaves, the three words, and 0 here.
   */
  flagForm: 0x358,
  flagA: 0x360,
  flagB: 0x368,
  /** Linear address of the page that the stack was in when translated code looked last, i64, and its TLB addend, i32. */
  stackPage: 0x370,
  stackAddend: 0x378,
  /** XCR0 while CR4.OSXSAVE is set, else 0, u32. */
  xsaveComponents: 0x37c,
  /**
   * How many bytes from its base on may be read, and how many written, of each segment: i64 pairs in the order of `selector`.
   * 0 where that is not so simple: it expands down, cannot be used, or gives no such right.
   */
  segmentReach: 0x380,
  /** GDTR: the base, i64, and the limit, u32. */
  gdtBase: 0x3e0,
  gdtLimit: 0x3e8,
  /** IA32_SYSENTER_CS, u32, IA32_SYSENTER_ESP and IA32_SYSENTER_EIP, i64 each. */
  sysenterCs: 0x3ec,
  sysenterEsp: 0x3f0,
  sysenterEip: 0x3f8,

  /** XMM0-15, 16 bytes each; the upper halves of YMM0-15 follow. */
  xmm: 0x400,
  ymmHigh: 0x500,
  /** ST/MM physical registers R0-R7, 16 bytes each: significand u64, then sign and exponent u16. */
  x87: 0x600,
  /** x87 control, status (TOP kept inside) and abridged tag words, u16 each at +0, +2, +4; then FOP u16, FIP u64, FDP u64 at +8, +16. */
  x87Control: 0x680,
  x87Status: 0x682,
  /** One bit per physical register, 1 = not empty (as FXSAVE stores it). */
  x87Tag: 0x684,
  x87Opcode: 0x686,
  x87InstructionPointer: 0x688,
  x87DataPointer: 0x690,
  /** Written by `setMxcsr` only, with the words that follow (see mxcsr.ts). */
  mxcsr: 0x6a0,
  /** Not zero: a denormal is where translated code expects none, see mxcsr.ts. */
  sseAlarm: 0x6a4,
  /** What tests of operands and results compare with, i64 and i32: see mxcsr.ts. */
  sseTests64: 0x6b0,
  sseTests32: 0x6d0,
  /** The tag that an access of translated code found where it missed the TLB, i64; nobody reads it (see jit/memory.ts). */
  missedTag: 0x6f8,
  /** Slow accesses (MMIO, page-crossing) are done here by generated code, 64 bytes. */
  bounce: 0x700,
  /** The same for vectors, 16 bytes each. */
  sseVectorTests64: 0x740,
  sseVectorTests32: 0x7a0,

  /** Constants for CRC32, eight tables of 1 KiB (see definitions/crc32.ts). */
  crcTables: 0x2000,
  /** The same for AES, 16 bytes each (see definitions/aes.ts). */
  aesTables: 0x4000,

  jumpCache: 0x20000,
  /** Where code goes on, by RIP (see interpreter/record.ts). */
  targetCache: 0x180000,
  /** The lookup key for which a translated region of several pages was last found to be mapped as it was translated, u32 each. */
  regionKeys: 0x1c0000,
  /** The same for the pages that a region only leads to, u32 each, and how often they are still to be found unverified. */
  linkKeys: 0x1d0000,
  linkMisses: 0x1e0000,
  /** Where indirect jumps of translated regions led (see jit/profile.ts). */
  regionProfiles: 0x200000,
  /**
   * Four banks of `tlb.entries` entries: user, supervisor, supervisor with EFLAGS.AC set, user with alignment checks. Those
   * of further vCPUs are at the end of linear memory.
   */
  tlb: 0x4a0000,
  /** Records of the code that regions lead to without a look-up, 64 of u32 for each (see jit/links.ts). */
  regionLinks: 0x6a0000,
  /** For each place in a page a record that looks up what is there (see jit/links.ts). */
  lookupRecords: 0xaa0000,
  records: 0xab0000,
  /** Guest RAM starts here. */
  ram: 0x2000000,
} as const;

/** What lies below belongs to one vCPU; the rest serves all that share a linear memory. */
export const vcpuStateBytes = 0x1000;

/**
 * The software TLB: direct-mapped by linear page number, 32 bytes an entry. It spans 64 MiB, so that a kernel's code and
 * data do not displace each other: with 4 MiB each system call of Linux missed twice (getpid, 20 % of its time), with
 * 32 MiB each of its page faults did.
 * A tag is the linear page address (low 12 bits zero) where that access is allowed, or `tlb.invalid`. Linear memory
 * offset = low 32 bits of linear address + addend.
 */
export const tlb = {
  entries: 16384,
  entryBytes: 32,
  bankBytes: 16384 * 32,
  banks: 4,
  readTag: 0,
  writeTag: 8,
  executeTag: 16,
  addend: 24,
  /** Guest-physical flags of the entry, u32: bit 0 = global. */
  flags: 28,
  /** Never equal to a page address. */
  invalid: 1n,
} as const;

/**
 * Where the part of the address space begins that is a kernel's, and stays as it is when programs take turns: the upper half,
 * or outside of 64-bit mode the last GiB, since libraries of 32-bit programs lie in the one before (pipe row of the bench).
 */
export const upperPart = { code64: 1n << 63n, others: 0xc0000000n } as const;

/** Bytes of one vCPU's TLB banks. */
export const vcpuTlbBytes = tlb.banks * tlb.bankBytes;

/** The bit of a lookup key that says with which rights code is fetched. */
export const supervisorKey = 1 << 12;
/** Never the key of an entry. */
export const noLookupKey = -1;

/** `stackPage` when none is remembered: never equal to an address without its bits 5 to 11, as accesses of 32 bytes compare it. */
export const noStackPage = 0x20n;

/** Segment register numbers, as the ModRM reg field encodes them (SDM 2A, 3.1.1.1). */
export const segment = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** The most instructions that a slice may have, so that any bit of the attention word is more: one comparison finds both. */
export const largestBudget = (1 << 24) - 1;

/** Bits of the attention word, all above `largestBudget`. */
export const attention = {
  /** The interrupt controller holds INTR. */
  interrupt: 1 << 24,
  nmi: 1 << 25,
  /** Somebody called kick(). */
  kick: 1 << 26,
  /** One instruction runs before interrupts are looked at again (STI, MOV SS). */
  shadow: 1 << 27,
  /** EFLAGS.TF, EFLAGS.RF or a breakpoint: stop after each instruction. */
  singleStep: 1 << 28,
  /** `cpu.stop` is set: the vCPU cannot go on by itself (HLT, shutdown). */
  stop: 1 << 29,
  /** Translated code was dropped: Wasm frames that it may have are left before the guest returns to them. */
  stale: 1 << 30,
} as const;

/** EFLAGS bits (SDM 1, 3.4.3). */
export const flag = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;

/** The flags that are kept lazily. */
export const lazyFlags = flag.CF | flag.PF | flag.AF | flag.ZF | flag.SF | flag.OF;
