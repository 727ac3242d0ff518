import { joinInitramfs, writeCpio } from '../src/images/index.ts';
import { hexWord, linuxLayout, linuxProgram, linuxProgram32, machineCode } from './programs.ts';

export const bootMarker = 'mezz-bench: first process';
const textOffset = 0x100;

/* Both print the marker, wait until it has left the serial port and turn the machine off. */
const code64 = machineCode(`
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

const code32 = machineCode(`
  bb01000000         ; mov ebx, 1
  b9${hexWord(linuxLayout.load + textOffset)}         ; mov ecx, text
  ba${hexWord(bootMarker.length + 1)}         ; mov edx, its length
  b804000000         ; mov eax, write
  cd80               ; int 0x80
  bb01000000         ; mov ebx, 1
  b909540000         ; mov ecx, TCSBRK
  89da               ; mov edx, ebx
  b836000000         ; mov eax, ioctl
  cd80               ; int 0x80
  bbaddee1fe         ; mov ebx, LINUX_REBOOT_MAGIC1
  b969191228         ; mov ecx, LINUX_REBOOT_MAGIC2
  badcfe2143         ; mov edx, LINUX_REBOOT_CMD_POWER_OFF
  b858000000         ; mov eax, reboot
  cd80               ; int 0x80
  ebfe               ; jmp $`);

/** An initial RAM disk with this first process in place of its own. */
export function withMarkerInit(initrd: Uint8Array, bits: 64 | 32): Uint8Array {
  const textAt = textOffset - (linuxLayout.entry - linuxLayout.load);
  const program = new Uint8Array(textAt + bootMarker.length + 1);
  program.set(bits === 64 ? code64 : code32);
  program.set(new TextEncoder().encode(`${bootMarker}\n`), textAt);
  const content = bits === 64 ? linuxProgram(program) : linuxProgram32(program);
  return joinInitramfs(initrd, writeCpio([{ kind: 'file', path: 'init', mode: 0o755, content }]));
}
