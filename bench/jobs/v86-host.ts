/**
 * Runs a Linux guest in v86, with its first serial port on our standard streams, until the guest turns itself off:
 * v86-host.ts KERNEL INITRD COMMAND-LINE MEMORY-MIB BIOS-FOLDER. The bench starts it as a process of its own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { V86, type V86Image } from 'v86';

const mebibyte = 2 ** 20;

function image(path: string): V86Image {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer };
}

const [kernel = '', initrd = '', commandLine = '', memoryMebibytes = '', biosFolder = ''] = process.argv.slice(2);
const emulator = new V86({
  wasm_path: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
  memory_size: Number(memoryMebibytes) * mebibyte,
  bios: image(join(biosFolder, 'bios.bin')),
  vga_bios: image(join(biosFolder, 'vgabios-stdvga.bin')),
  bzimage: image(kernel),
  initrd: image(initrd),
  cmdline: commandLine,
  acpi: true,
  disable_speaker: true,
  autostart: true,
});

/** The kernel's last words: v86 does not tell that its machine is off. */
const lastWords = 'reboot: Power down';
let line = '';
emulator.add_listener('serial0-output-byte', (byte: number) => {
  line += String.fromCharCode(byte);
  if (byte !== 0x0a) return;
  const isOff = line.includes(lastWords);
  process.stdout.write(line, 'latin1', () => isOff && process.exit());
  line = '';
});
process.stdin.on('data', (bytes: Buffer) => emulator.serial_send_bytes(0, bytes));
