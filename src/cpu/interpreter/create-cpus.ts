import { type CodeTracker, layout, vcpuStateBytes, vcpuTlbBytes, X86Cpu } from '../isa/x86/index.ts';
import type { InterpreterOptions } from './engine.ts';
import type { SharedVcpu } from './shared-vcpu.ts';

/**
 * The processors of an engine: one that has linear memory to itself, or several, each of which `share` parks. They count one
 * time; all but the first wait for a start-up message.
 */
export function createCpus(
  { memory, ram, bus, otherBuses = [], tscHz, model, hypervisor }: InterpreterOptions,
  code: CodeTracker,
  share: (cpu: X86Cpu) => SharedVcpu,
): { readonly first: X86Cpu; readonly shared: readonly SharedVcpu[] } {
  const cpuCount = otherBuses.length + 1;
  const common = { memory, ram, tscHz, model, hypervisor, code, cpuCount };
  const first = new X86Cpu({ ...common, bus });
  if (otherBuses.length === 0) return { first, shared: [] };
  const { generations } = first.state;
  const shared = [share(first)];
  for (const [i, otherBus] of otherBuses.entries()) {
    const tlbBanks = memory.buffer.byteLength - (otherBuses.length - i) * vcpuTlbBytes;
    first.state.u8.fill(0, layout.gpr, vcpuStateBytes);
    const cpu = new X86Cpu({ ...common, bus: otherBus, apicId: i + 1, tlbBanks, generations });
    cpu.init();
    cpu.state.tscOffset = first.state.tscOffset;
    shared.push(share(cpu));
  }
  return { first, shared };
}
