/**
 * A Multiboot guest that measures how late its local APIC's timer is: it arms the timer for a time between 5 and 267
 * microseconds, works in a loop, and notes in the timer's handler what the time-stamp counter says; again and again.
 */

const load = 0x100000;
const code = 0x100100;
const end = 0x300000;
const samplesWanted = 0x100030;
/** Pairs of words: when the timer was to expire, and when its handler ran. */
const samplesAt = 0x201000;
/** A word that the guest's loops count up. */
export const countAt = 0x200000;
export const timerGuestMemoryBytes = 16 << 20;
export const timerGuestExitPort = 0xf4;

const start = `
  bc00001800            ; mov esp, 0x180000
  0f011520001000        ; lgdt [0x100020]
  ea130110000800        ; jmp 0x08:flat
  b810000000            ; flat: mov eax, 0x10
  8ed8                  ; mov ds, eax
  8ec0                  ; mov es, eax
  8ed0                  ; mov ss, eax
  0f011d28001000        ; lidt [0x100028]
  c705f000e0feff010000  ; mov dword [0xfee000f0], 0x1ff: spurious vector, APIC enabled
  c705e003e0fe0b000000  ; mov dword [0xfee003e0], 0xb: divide by 1
  c7052003e0fe40000000  ; mov dword [0xfee00320], 0x40: one-shot
  b940420f00            ; mov ecx, 1000000
  ff0500002000          ; warm: inc dword [count]
  49                    ; dec ecx
  75f7                  ; jnz warm
  31ed                  ; xor ebp, ebp
  cd41                  ; int 0x41
  fb                    ; sti
  eb4a                  ; jmp work
  50                    ; expired: push eax
  52                    ; push edx
  0f31                  ; rdtsc
  8904ed04102000        ; mov [samples+4+ebp*8], eax
  45                    ; inc ebp
  c705b000e0fe00000000  ; mov dword [0xfee000b0], 0: end of interrupt
  3b2d30001000          ; cmp ebp, [samplesWanted]
  7204                  ; jb next
  e6f4                  ; out 0xf4, al
  50                    ; arm: push eax
  52                    ; push edx
  69d5ef1e0000          ; next: imul edx, ebp, 7919
  81e2ffff0300          ; and edx, 0x3ffff
  81c288130000          ; add edx, 5000
  52                    ; push edx
  0f31                  ; rdtsc
  5a                    ; pop edx
  01d0                  ; add eax, edx
  8904ed00102000        ; mov [samples+ebp*8], eax
  89158003e0fe          ; mov [0xfee00380], edx: initial count
  5a                    ; pop edx
  58                    ; pop eax
  cf                    ; iret`;
const [expired, arm] = [code + 0x58, code + 0x78];

/** What the guest does while it waits. String instructions move or compare 4 MiB. */
export const timerGuestWork = {
  spin: `
  ff0500002000          ; spin: inc dword [count]
  ebf8                  ; jmp spin`,
  'copy up': `
  be00004000            ; again: mov esi, 0x400000
  bf00008000            ; mov edi, 0x800000
  b900004000            ; mov ecx, 0x400000
  f3a4                  ; rep movsb
  ebed                  ; jmp again`,
  'copy down': `
  fd                    ; again: std
  beffff7f00            ; mov esi, 0x7fffff
  bfffffbf00            ; mov edi, 0xbfffff
  b900004000            ; mov ecx, 0x400000
  f3a4                  ; rep movsb
  ebec                  ; jmp again`,
  'copy to the next byte': `
  be00004000            ; again: mov esi, 0x400000
  bf01004000            ; mov edi, 0x400001
  b900001000            ; mov ecx, 0x100000
  f3a5                  ; rep movsd
  ebed                  ; jmp again`,
  scan: `
  bf00004000            ; again: mov edi, 0x400000
  b900004000            ; mov ecx, 0x400000
  b001                  ; mov al, 1
  f2ae                  ; repne scasb
  ebf0                  ; jmp again`,
} as const;
export type TimerGuestWork = keyof typeof timerGuestWork;

function machineCode(listing: string): Uint8Array {
  const digits = listing.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A Multiboot 1 image by the header's address fields (section 3.1.3) with its own descriptor tables. */
export function timerGuest(work: TimerGuestWork, samples: number): Uint8Array {
  const program = machineCode(start + timerGuestWork[work]);
  const bytes = new Uint8Array(code - load + program.length);
  const view = new DataView(bytes.buffer);
  const header = [0x1badb002, 1 << 16, -(0x1badb002 + (1 << 16)), load, load, 0, end, code];
  for (const [i, word] of header.entries()) view.setUint32(4 * i, word, true);
  const [gdt, gate40] = [0x100038, 0x1000a0];
  view.setUint16(0x20, 3 * 8 - 1, true);
  view.setUint32(0x22, gdt, true);
  view.setUint16(0x28, 0x42 * 8 - 1, true);
  view.setUint32(0x2a, gate40 - 0x40 * 8, true); // Lower vectors are in memory that is zero.
  view.setUint32(samplesWanted - load, samples, true);
  view.setBigUint64(gdt - load + 8, 0x00cf9b000000ffffn, true);
  view.setBigUint64(gdt - load + 16, 0x00cf93000000ffffn, true);
  for (const [i, handler] of [expired, arm].entries()) {
    view.setUint32(gate40 - load + 8 * i, (0x08 << 16) | (handler & 0xffff), true);
    view.setUint32(gate40 - load + 8 * i + 4, (handler & 0xffff0000) | 0x8e00, true);
  }
  bytes.set(program, code - load);
  return bytes;
}

/** How many nanoseconds after its deadline each handler ran. */
export function timerDelaysNs(ram: DataView, samples: number): number[] {
  return Array.from({ length: samples }, (_, i) => {
    const at = samplesAt + 8 * i;
    return (ram.getUint32(at + 4, true) - ram.getUint32(at, true)) | 0;
  });
}
