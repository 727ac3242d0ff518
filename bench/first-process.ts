import { joinInitramfs, writeCpio } from '../src/images/index.ts';
import { hexWord, linuxLayout, linuxProgram, machineCode } from './programs.ts';

export const bootMarker = 'mezz-bench: first process';
const textOffset = 0x100;

/** Prints the marker, waits until it has left the serial port and turns the machine off. */
const code = machineCode(`
  bf01000000         ; mov edi, 1
  be${hexWord(linuxLayout.load + textOffset)}         ; mov esi, text
  ba${hexWord(bootMarker.length + 1)}         ; mov edx, its length
  89f8               ; mov eax, write
  0f05               ; syscall
  bf01000000         ; mov edi, 1
  be09540000         ; mov esi, TCSBRK
  89fa               ; mov edx, 1
  b810000000         ; mov eax, ioctl
  0f05               ; syscall
  bfaddee1fe         ; mov edi, LINUX_REBOOT_MAGIC1
  be69191228         ; mov esi, LINUX_REBOOT_MAGIC2
  badcfe2143         ; mov edx, LINUX_REBOOT_CMD_POWER_OFF
  b8a9000000         ; mov eax, reboot
  0f05               ; syscall
  ebfe               ; jmp $`);

/** An initial RAM disk with this first process in place of its own. */
export function withMarkerInit(initrd: Uint8Array): Uint8Array {
  const textAt = textOffset - (linuxLayout.entry - linuxLayout.load);
  const program = new Uint8Array(textAt + bootMarker.length + 1);
  program.set(code);
  program.set(new TextEncoder().encode(`${bootMarker}\n`), textAt);
  const content = linuxProgram(program);
  return joinInitramfs(initrd, writeCpio([{ kind: 'file', path: 'init', mode: 0o755, content }]));
}
