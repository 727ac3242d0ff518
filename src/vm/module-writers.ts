import type { Engines, ModuleWriter, ThreadWriter } from '../cpu/index.ts';
import type { VmHost } from './vm-host.ts';

interface Shared {
  readonly writer: ThreadWriter;
  users: number;
}

const shared = new WeakMap<VmHost, Shared>();

/** A writer that a VM uses until it calls `release`. */
export interface WriterLease {
  readonly writer: ModuleWriter;
  release(): void;
}

/**
 * One thread writes for all VMs of a host, as long as there is one with an engine that has use for it. Undefined where the
 * host has no threads.
 */
export function leaseWriter(host: VmHost, { ThreadWriter }: typeof Engines): WriterLease | undefined {
  if (!host.startThread) return undefined;
  const used = shared.get(host) ?? { writer: new ThreadWriter(host.startThread), users: 0 };
  shared.set(host, used);
  used.users++;
  let isReleased = false;
  const release = (): void => {
    if (isReleased) return;
    isReleased = true;
    if (--used.users > 0) return;
    shared.delete(host);
    used.writer.stop();
  };
  return { writer: used.writer, release };
}
