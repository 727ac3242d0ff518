import type { Gpa } from '../memory/index.ts';

/** How a direct boot enters the guest: plain data, so that a loader knows no processor. */
export interface EntryState {
  /** 32-bit protected mode without paging, or 64-bit mode on the loader's page tables. */
  readonly mode: 'protected32' | 'long64';
  readonly instructionPointer: Gpa;
  readonly registers: Partial<Record<EntryRegister, number>>;
  /** Flat code and data segments are read from here; the loader has written the table to RAM. */
  readonly gdt: { readonly base: Gpa; readonly limit: number };
  readonly codeSelector: number;
  readonly dataSelector: number;
  /** CR3 of a `long64` entry; the loader has written the tables to RAM. */
  readonly pageTableRoot?: Gpa;
}

export type EntryRegister = 'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp';
