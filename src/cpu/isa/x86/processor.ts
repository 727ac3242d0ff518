/** A processor as a user names it: a model, then properties, spelled as QEMU's -cpu does: `max,kvm=off`, `v2,-hypervisor`. */
import { modelObstacle, type ProcessorModel, processorModels } from './features.ts';

/**
 * What a guest that asks finds below it (CPUID leaf 0x40000000): nothing, as on bare metal; a hypervisor of our own name, which
 * only tells the frequency of the time-stamp counter; or KVM's interface (see system/kvm.ts).
 */
export const hypervisorInterfaces = ['none', 'mezz', 'kvm'] as const;
export type HypervisorInterface = (typeof hypervisorInterfaces)[number];

export type ProcessorName = ProcessorModel | `${ProcessorModel},${string}`;

export interface Processor {
  readonly model: ProcessorModel;
  readonly hypervisor: HypervisorInterface;
}

const properties = ['hypervisor', 'kvm'] as const;
type Property = (typeof properties)[number];

/** `+name`, `-name`, `name=on` or `name=off`; undefined: neither. */
function readProperty(text: string): readonly [Property, boolean] | undefined {
  const { sign, before, after, value } =
    /^(?:(?<sign>[+-])(?<after>\w+)|(?<before>\w+)=(?<value>on|off))$/.exec(text)?.groups ?? {};
  const found = properties.find((name) => name === (before ?? after));
  return found && [found, sign === '+' || value === 'on'];
}

/** Why this names no processor; undefined: it does. */
export function processorObstacle(name: string): string | undefined {
  const [model = '', ...rest] = name.split(',');
  const obstacle = modelObstacle(model);
  if (obstacle !== undefined) return obstacle;
  const unknown = rest.find((text) => readProperty(text) === undefined);
  if (unknown === undefined) return undefined;
  return `"${unknown}" is no property: there are ${properties.join(' and ')}, as in ${model},kvm=off or ${model},-hypervisor`;
}

/** Throws RangeError for what names no processor. Of a property that is given twice, the last one counts. */
export function parseProcessor(name: string): Processor {
  const obstacle = processorObstacle(name);
  if (obstacle !== undefined) throw new RangeError(`Cannot make processor "${name}": ${obstacle}`);
  const [model, ...rest] = name.split(',');
  const { hypervisor, kvm } = {
    ...{ hypervisor: true, kvm: true },
    ...Object.fromEntries(rest.flatMap((text) => [readProperty(text) ?? []])),
  };
  const interfaceName = kvm ? 'kvm' : 'mezz';
  return {
    model: processorModels.find((each) => each === model) ?? 'max',
    hypervisor: hypervisor ? interfaceName : 'none',
  };
}
