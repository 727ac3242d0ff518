import { hexWord, linuxLayout, linuxProgram, machineCode, multibootLayout, multibootProgram } from './programs.ts';

/** Instructions of one iteration, by either way through its branch. */
export const instructionsPerIteration = 14;
export const debugExitPort = 0xf4;
/** The program's data, past its page tables. */
const dataOffset = 0x4000;

/**
 * A table-driven checksum (as CRC-32's) that writes its state back over a buffer of 4 KiB and takes a branch that
 * depends on it. An iteration is two loads, a store, two or three branches and arithmetic. RDI points to zeroed data;
 * the result is in EAX, 0 to 63.
 */
const loop = (iterations: number): string => `
  488db700040000     ; lea rsi, [rdi+0x400]
  bd${hexWord(iterations)}       ; mov ebp, iterations
  b878563412         ; mov eax, 0x12345678
  31d2               ; xor edx, edx
  69c00d661900       ; table: imul eax, eax, 1664525
  055ff36e3c         ; add eax, 1013904223
  890497             ; mov [rdi+rdx*4], eax
  fec2               ; inc dl
  75ee               ; jnz table
  31c9               ; xor ecx, ecx
  4531c0             ; xor r8d, r8d
  89c3               ; mov ebx, eax
  0fb6040e           ; again: movzx eax, byte [rsi+rcx]
  31d8               ; xor eax, ebx
  0fb6c0             ; movzx eax, al
  c1eb08             ; shr ebx, 8
  331c87             ; xor ebx, [rdi+rax*4]
  881c0e             ; mov [rsi+rcx], bl
  83c101             ; add ecx, 1
  81e1ff0f0000       ; and ecx, 0xfff
  84db               ; test bl, bl
  7805               ; js negative
  4901d8             ; add r8, rbx
  eb07               ; jmp join
  4931d8             ; negative: xor r8, rbx
  49c1c007           ; rol r8, 7
  ffcd               ; join: dec ebp
  75d1               ; jnz again
  4c89c0             ; mov rax, r8
  48c1e80d           ; shr rax, 13
  83e03f             ; and eax, 0x3f`;

/** From Multiboot's 32-bit state to 64-bit mode, the first 2 MiB mapped by one large page. */
const enterLongMode = `
  c7050010100003201000 ; mov dword [0x101000], 0x102003
  c7050020100003301000 ; mov dword [0x102000], 0x103003
  c7050030100083000000 ; mov dword [0x103000], 0x83
  b800101000         ; mov eax, 0x101000
  0f22d8             ; mov cr3, eax
  b820000000         ; mov eax, CR4.PAE
  0f22e0             ; mov cr4, eax
  b9800000c0         ; mov ecx, IA32_EFER
  0f32               ; rdmsr
  0d00010000         ; or eax, LME
  0f30               ; wrmsr
  b811000080         ; mov eax, CR0.PG | ET | PE
  0f22c0             ; mov cr0, eax
  0f0115${hexWord(multibootLayout.gdtPointer)} ; lgdt [gdtPointer]
  ea${hexWord(multibootLayout.entry + 0x52)}0800 ; jmp 0x08:long
  bf${hexWord(multibootLayout.load + dataOffset)}       ; long: mov edi, data`;

/** Ends a VM by its debug-exit port. */
const exitVm = `
  e6${debugExitPort.toString(16)}               ; out debugExitPort, al
  f4                 ; stop: hlt
  ebfd               ; jmp stop`;

/** Ends a process with the status that a VM's debug exit gives, (V << 1) | 1. */
const exitProcess = `
  8d7c0001           ; lea edi, [rax+rax+1]
  b83c000000         ; mov eax, exit
  0f05               ; syscall`;

/** The loop as a program for a bare PC. */
export const bareIntegerLoop = (iterations: number): Uint8Array =>
  multibootProgram(machineCode(enterLongMode + loop(iterations) + exitVm));

/** The same loop as a program for the host, when that is an x86-64 Linux. */
export const nativeIntegerLoop = (iterations: number): Uint8Array =>
  linuxProgram(
    machineCode(`bf${hexWord(linuxLayout.load + dataOffset)} ; mov edi, data${loop(iterations)}${exitProcess}`),
  );
