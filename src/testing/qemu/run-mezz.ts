import { basename } from 'node:path';
import { nodeHost } from '../../host/index.ts';
import { createPcVm, type EngineMaker, type VmEnd } from '../../vm/index.ts';
import { describeLog } from './log.ts';
import { processorCountOf } from './programs.ts';
import { debugExitPort, guestMemoryMib } from './run-qemu.ts';

const mebibyte = 0x100000;
const timeoutSeconds = 60;

/** Runs a program on an engine; its log as text, and how the machine ended. */
export async function runOnMezz(name: string, bytes: Uint8Array<ArrayBuffer>, engine: EngineMaker): Promise<string[]> {
  let output = '';
  const console = {
    read: () => new Uint8Array(),
    write(sent: Uint8Array): void {
      output += Buffer.from(sent).toString('latin1');
    },
    onReadable: () => {},
  };
  const boot = { kernel: { name: basename(name), bytes }, commandLine: '' };
  const memoryBytes = guestMemoryMib * mebibyte;
  const cpus = processorCountOf(name);
  const config = { memoryBytes, cpus, boot, serialPorts: [console] as const, debugExitPort, engine };
  const vm = await createPcVm(config, nodeHost);
  vm.stopAfter(timeoutSeconds);
  vm.start();
  const end = await vm.ended;
  return [...describeLog(output), describeEnd(end)];
}

function describeEnd(end: VmEnd): string {
  if (end.kind === 'debug-exit') return `exit ${end.status >> 1}`;
  if (end.kind === 'triple-fault') return 'triple fault';
  if (end.kind === 'unsupported') return `unsupported: ${end.reason}`;
  if (end.kind === 'failed') throw end.error;
  return end.kind;
}
