/** What CPUID reports (SDM 2A, "CPUID"): exactly what is implemented. */
import type { Feature } from '../features.ts';
import { kvmFeatures, kvmSignature } from './kvm.ts';
import { cr4, physicalAddressBits, xcr0, xcr0BitsOf } from './registers.ts';
import type { X86Cpu } from './x86-cpu.ts';
import { gprNumber } from './x86-state.ts';

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

/**
 * Family 6, model 0x1c, stepping 10: the one 64-bit model that kernels know not to speculate. Others they guard against
 * branch history injection whatever IA32_ARCH_CAPABILITIES says, a third of the instructions of a system call.
 */
export const processorSignature = 0x000106ca;

const bits = (...numbers: number[]): number => numbers.reduce((word, bit) => word | (1 << bit), 0);

const leaf1Edx = {
  fpu: 0,
  de: 2,
  tsc: 4,
  msr: 5,
  pae: 6,
  mce: 7,
  cx8: 8,
  apic: 9,
  sep: 11,
  mtrr: 12,
  pge: 13,
  mca: 14,
  cmov: 15,
  pat: 16,
  pse36: 17,
  clfsh: 19,
  mmx: 23,
  fxsr: 24,
  sse: 25,
  sse2: 26,
  pse: 3,
} as const;
/** More than one processor in the package. */
const multiThreading = 1 << 28;
const leaf1Ecx = { pcid: 17, x2Apic: 21, tscDeadline: 24 } as const;
const hypervisorPresent = 1 << 31;
const osxsave = 1 << 27;
/** Bits 6 and 13: the x87 data pointer changes with exceptions only, and there are no selectors beside it. */
const leaf7Ebx = { tscAdjust: 1, fdpExceptionOnly: 6, smep: 7, erms: 9, invpcid: 10, noFcsFds: 13, smap: 20 } as const;
const leaf7Edx = { specCtrl: 26, archCapabilities: 29 } as const;
const extendedEdx = { syscall: 11, nx: 20, pdpe1gb: 26, rdtscp: 27, lm: 29 } as const;

/** Where features are reported that not every model has. */
const featureBits: Readonly<
  Record<'leaf1Ecx' | 'leaf7Ebx' | 'leafDEax' | 'extendedEcx', Partial<Record<Feature, number>>>
> = {
  leaf1Ecx: {
    sse3: 0,
    pclmulqdq: 1,
    ssse3: 9,
    fma: 12,
    cx16: 13,
    sse41: 19,
    sse42: 20,
    movbe: 22,
    popcnt: 23,
    aes: 25,
    xsave: 26,
    avx: 28,
    f16c: 29,
    rdrand: 30,
  },
  leaf7Ebx: { fsgsbase: 0, bmi1: 3, avx2: 5, bmi2: 8, rdseed: 18, adx: 19, sha: 29 },
  leafDEax: { xsaveopt: 0, xsavec: 1, xgetbv1: 2, xsaves: 3 },
  extendedEcx: { lahf64: 0, lzcnt: 5 },
};

/** The bits of a register that the processor's model has. */
function modelBits(cpu: X86Cpu, register: keyof typeof featureBits): number {
  const found = Object.entries(featureBits[register]).filter(([feature]) => cpu.has(feature as Feature));
  return bits(...found.map(([, bit]) => bit));
}

const maxBasic = 0x16;
const maxExtended = 0x80000008;
const hypervisorBase = 0x40000000;
const kvmFeatureLeaf = 0x40000001;
const maxHypervisor = 0x40000010;
/** The clock of the local APIC timer and the unit of leaf 0x15. */
const crystalHz = 1_000_000_000;
/** Of the x87 and SSE parts with the header, and of the AVX part behind them (SDM 1, 13.4). */
const xsaveBytes = 576;
const avxBytes = 256;
const sizeOfComponents = (components: number): number => xsaveBytes + (components & xcr0.avx ? avxBytes : 0);
const none: Leaf = [0, 0, 0, 0];

/** Four characters as CPUID spells them. */
const word = (text: string, at: number): number =>
  [0, 1, 2, 3].reduce((sum, i) => sum | ((text.charCodeAt(at + i) || 0) << (8 * i)), 0);

const vendor = 'GenuineIntel';
const brand = 'Mezz virtual processor'.padEnd(48, '\0');
const hypervisorVendors = { mezz: 'MezzMezzMezz', kvm: kvmSignature } as const;

const apicGlobalEnable = 1n << 11n;
const msrApicBase = 0x1b;

function features(cpu: X86Cpu): Leaf {
  const hasApic = ((cpu.bus.readMsr(msrApicBase) ?? 0n) & apicGlobalEnable) !== 0n;
  const edx = bits(...Object.values(leaf1Edx)) | (cpu.cpuCount > 1 ? multiThreading : 0);
  const enabled = cpu.state.cr4 & cr4.OSXSAVE ? osxsave : 0;
  const ecx = bits(...Object.values(leaf1Ecx)) | modelBits(cpu, 'leaf1Ecx') | enabled;
  const below = cpu.hypervisor === 'none' ? 0 : hypervisorPresent;
  const clflushUnits = 8;
  return [
    processorSignature,
    (cpu.apicId << 24) | (1 << (16 + packageShift(cpu))) | (clflushUnits << 8),
    ecx | below,
    hasApic ? edx : edx & ~(1 << leaf1Edx.apic),
  ];
}

/** Deterministic cache parameters: type, level, ways, sets of 64-byte lines. */
function cache(type: number, level: number, ways: number, sets: number): Leaf {
  const selfInitializing = 1 << 8;
  return [type | (level << 5) | selfInitializing, 63 | ((ways - 1) << 22), sets - 1, 0];
}

/** Bits of an APIC ID below the package's: each processor is a core, and all are in one package. */
const packageShift = ({ cpuCount }: X86Cpu): number => 32 - Math.clz32(cpuCount - 1);

const caches: readonly Leaf[] = [cache(1, 1, 8, 64), cache(2, 1, 8, 64), cache(3, 2, 8, 1024)];

function cacheOf(cpu: X86Cpu, subleaf: number): Leaf {
  const [eax, ebx, ecx, edx] = caches[subleaf] ?? none;
  return eax === 0 ? none : [eax | (((1 << packageShift(cpu)) - 1) << 26), ebx, ecx, edx];
}

/** Threads of a core, then cores of the package. */
function topology(cpu: X86Cpu, subleaf: number): Leaf {
  const levelTypes = [1, 2];
  const type = levelTypes[subleaf];
  if (type === undefined) return [0, 0, subleaf & 0xff, cpu.apicId];
  const isCore = subleaf === 1;
  return [isCore ? packageShift(cpu) : 0, isCore ? cpu.cpuCount : 1, (type << 8) | subleaf, cpu.apicId];
}

const structuredFeatures = (cpu: X86Cpu): Leaf => [
  0,
  bits(...Object.values(leaf7Ebx)) | modelBits(cpu, 'leaf7Ebx'),
  0,
  bits(...Object.values(leaf7Edx)),
];

/** x87 and SSE state need the legacy region and the header, whichever of them is on. */
function extendedState(cpu: X86Cpu, subleaf: number): Leaf {
  if (!cpu.has('xsave')) return none;
  const supported = xcr0BitsOf(cpu.model);
  if (subleaf === 0) return [supported, sizeOfComponents(cpu.state.xcr0), sizeOfComponents(supported), 0];
  if (subleaf === 1)
    return [modelBits(cpu, 'leafDEax'), cpu.has('xsaves') ? sizeOfComponents(cpu.state.xcr0) : 0, 0, 0];
  return subleaf === 2 && supported & xcr0.avx ? [avxBytes, xsaveBytes, 0, 0] : none;
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

function tscRatio(cpu: X86Cpu): Leaf {
  const divisor = greatestCommonDivisor(crystalHz, cpu.tscHz);
  return [crystalHz / divisor, cpu.tscHz / divisor, crystalHz, 0];
}

function basicLeaf(cpu: X86Cpu, leaf: number, subleaf: number): Leaf {
  const mhz = Math.round(cpu.tscHz / 1e6);
  switch (leaf) {
    case 0:
      return [maxBasic, word(vendor, 0), word(vendor, 8), word(vendor, 4)];
    case 1:
      return features(cpu);
    case 2:
      return [0x00_00_ff_01, 0, 0, 0];
    case 4:
      return cacheOf(cpu, subleaf);
    case 6:
      return [1 << 2, 0, 0, 0];
    case 7:
      return subleaf === 0 ? structuredFeatures(cpu) : none;
    case 0xd:
      return extendedState(cpu, subleaf);
    case 0xb:
      return topology(cpu, subleaf);
    case 0x15:
      return tscRatio(cpu);
    case 0x16:
      return [mhz, mhz, 100, 0];
    default:
      return none;
  }
}

function hypervisorLeaf(cpu: X86Cpu, leaf: number): Leaf {
  if (cpu.hypervisor === 'none') return basicLeaf(cpu, maxBasic, 0);
  const vendorName = hypervisorVendors[cpu.hypervisor];
  if (leaf === hypervisorBase) return [maxHypervisor, word(vendorName, 0), word(vendorName, 4), word(vendorName, 8)];
  if (leaf === kvmFeatureLeaf && cpu.hypervisor === 'kvm') return [kvmFeatures, 0, 0, 0];
  if (leaf === maxHypervisor) return [Math.round(cpu.tscHz / 1000), crystalHz / 1000, 0, 0];
  return none;
}

function extendedLeaf(cpu: X86Cpu, leaf: number): Leaf {
  switch (leaf) {
    case 0x80000000:
      return [maxExtended | 0, 0, 0, 0];
    case 0x80000001:
      return [0, 0, modelBits(cpu, 'extendedEcx'), bits(...Object.values(extendedEdx))];
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (leaf - 0x80000002) * 16;
      return [word(brand, at), word(brand, at + 4), word(brand, at + 8), word(brand, at + 12)];
    }
    case 0x80000006:
      return [0, 0, (512 << 16) | (6 << 12) | 64, 0];
    case 0x80000007:
      return [0, 0, 0, 1 << 8];
    case 0x80000008:
      return [(48 << 8) | physicalAddressBits, 0, 0, 0];
    default:
      return none;
  }
}

/** The four registers for a leaf (unsigned) and subleaf. */
export function cpuidLeaf(cpu: X86Cpu, leaf: number, subleaf: number): Leaf {
  if (leaf >= 0x80000000 && leaf <= maxExtended) return extendedLeaf(cpu, leaf);
  if (leaf >= hypervisorBase && leaf <= maxHypervisor) return hypervisorLeaf(cpu, leaf);
  return basicLeaf(cpu, leaf <= maxBasic ? leaf : maxBasic, subleaf);
}

export function cpuid(cpu: X86Cpu): void {
  const { state } = cpu;
  const [eax, ebx, ecx, edx] = cpuidLeaf(cpu, state.gprLow(gprNumber.rax), state.gprLow(gprNumber.rcx));
  state.setGprWords(gprNumber.rax, eax, 0);
  state.setGprWords(gprNumber.rbx, ebx, 0);
  state.setGprWords(gprNumber.rcx, ecx, 0);
  state.setGprWords(gprNumber.rdx, edx, 0);
}
