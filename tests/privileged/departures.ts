/**
 * Where QEMU's software mode (7.2) departs from the manual, program by program. Sections are those of the Intel SDM's
 * edition of December 2024; volume 2 by instruction.
 */
import { numericDepartures } from './numeric-departures.ts';
import { shadowDepartures } from './shadow-departures.ts';
import { switchDepartures } from './switch-departures.ts';
import { taskDepartures } from './task-departures.ts';
import { unrealDepartures } from './unreal-departures.ts';
import { v8086Departures } from './v8086-departures.ts';

export interface Departure {
  readonly program: string;
  /** The name that the program logs before these lines. */
  readonly case: string;
  readonly section: string;
  readonly reason: string;
  /** Number of the line in its case, from 0; what QEMU says there; what the manual says. */
  readonly lines: readonly (readonly [number, string, string | readonly string[]])[];
}

export const departures: readonly Departure[] = [
  {
    program: 'exceptions-32',
    case: '#UD: lock prefix where none may be',
    section: 'SDM 2A, LOCK',
    reason: 'LOCK before an instruction that only reads memory is undefined',
    lines: [
      [2, 'no fault', '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000009'],
      [3, 'no fault', '#UD at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000009'],
    ],
  },
  {
    program: 'exceptions-32',
    case: 'int n: DPL of the gate at level 3',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'INT1 is a trap of vector 1 at every level',
    lines: [
      [
        4,
        '#UD at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000077',
        '#DB at 001b:+1 flags 00000002 stack 0023:001c0000 ax 00000077',
      ],
    ],
  },
  {
    program: 'exceptions-32',
    case: "#GP: the handler is beyond its segment's limit",
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: "the handler's offset is checked against the limit of its segment",
    lines: [
      [
        0,
        'int 0x21 at 0008:+2 flags 00000002 stack 0010:001f0000 ax 00000077',
        '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000077',
      ],
    ],
  },
  {
    program: 'exceptions-32',
    case: 'a fault whose gate is bad reports the gate as external',
    section: 'SDM 3A, 6.13',
    reason: 'EXT is set for faults while an exception is delivered',
    lines: [
      [
        0,
        '#NP(0x32) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000077',
        '#NP(0x33) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000077',
      ],
      [
        1,
        '#GP(0x10) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000077',
        '#GP(0x11) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000077',
      ],
    ],
  },
  {
    program: 'exceptions-32',
    case: '#UD goes before #GP',
    section: 'SDM 2B, MOV to control registers; SDM 2A, LOCK',
    reason: 'an undefined opcode goes before the check of privilege (SDM 3A, table 6-2)',
    lines: [
      [
        0,
        '#GP(0x0) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000077',
        '#UD at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000077',
      ],
      [
        1,
        '#GP(0x0) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000077',
        '#UD at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000077',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'non-canonical address: #GP, through RSP and RBP #SS',
    section: 'SDM 3A, 3.3.7.1 and 6.15 (interrupt 12)',
    reason: 'a non-canonical address through the stack segment raises #SS; DS overrides do not count in 64-bit mode',
    lines: [
      [
        2,
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#SS(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
      [
        3,
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#SS(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
      [
        4,
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#SS(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
      [
        5,
        '#GP(0x0) at 002b:+a flags 00010002 stack 0023:0000800000000000 ax 0000000000000010',
        '#SS(0x0) at 002b:+a flags 00010002 stack 0023:0000800000000000 ax 0000000000000010',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'access that straddles the end of the canonical half',
    section: 'SDM 1, 3.3.7.1',
    reason: 'an access with any non-canonical byte raises #GP',
    lines: [
      [
        0,
        '#PF(0x0) cr2 00007ffffffffffc at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'jump, call and return to a non-canonical address',
    section: 'SDM 2A, JMP and CALL; SDM 2B, RET',
    reason: 'a non-canonical target faults in the branch itself',
    lines: [
      [
        0,
        '#GP(0x0) at 0030:0000800000000000 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
      [
        1,
        '#GP(0x0) at 0030:0000800000000000 flags 00010002 stack 0010:00000000001efff8 ax 0000000000000010',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
      ],
      [
        2,
        '#GP(0x0) at 0030:0000800000000000 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010',
        '#GP(0x0) at 0030:+1 flags 00010002 stack 0010:00000000001efff8 ax 0000000000000010',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'push with a non-canonical RSP at level 3',
    section: 'SDM 3A, 6.15 (interrupt 12)',
    reason: 'a push to a non-canonical address raises #SS',
    lines: [
      [
        1,
        '#PF(0x6) cr2 00007ffffffffffc at 002b:+a flags 00010002 stack 0023:0000800000000004 ax 0000000000000010',
        '#SS(0x0) at 002b:+a flags 00010002 stack 0023:0000800000000004 ax 0000000000000010',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'interrupt stack table',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'SS becomes null with a change of level only, not with an interrupt stack alone',
    lines: [
      [3, '0000000000000000', '0000000000000010'],
      [7, '0000000000000000', '0000000000000010'],
      [11, '0000000000000000', '0000000000000010'],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'bad gates',
    section: 'SDM 3A, 6.13',
    reason: 'the error code holds the vector times 8, in IA-32e mode too',
    lines: [
      [
        0,
        '#NP(0x222) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
        '#NP(0x112) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
      ],
      [
        1,
        '#GP(0x222) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
        '#GP(0x112) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
      ],
      [
        2,
        '#GP(0x222) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
        '#GP(0x112) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
      ],
      [
        8,
        '#GP(0x412) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
        '#GP(0x20a) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'a gate with a non-canonical offset',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'a non-canonical handler faults before its frame is pushed',
    lines: [
      [
        0,
        '#GP(0x0) at 0030:0000800000150027 flags 00010002 stack 0010:00000000001effd8 ax 0000800000000000',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'DPL of gates',
    section: 'SDM 3A, 6.13',
    reason: 'the error code holds the vector times 8, in IA-32e mode too',
    lines: [
      [
        0,
        '#GP(0x222) at 002b:+0 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
        '#GP(0x112) at 002b:+0 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
      ],
      [
        1,
        '#GP(0xd2) at 002b:+0 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
        '#GP(0x6a) at 002b:+0 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
      ],
    ],
  },
  {
    program: 'exceptions-64',
    case: 'iretq to bad frames',
    section: 'SDM 2A, IRET',
    reason: 'a non-canonical return address faults in IRET',
    lines: [
      [
        5,
        '#GP(0x0) at 002b:0000800000000000 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
        '#GP(0x0) at 0030:+16 flags 00010002 stack 0010:00000000001effd8 ax 0000800000000000',
      ],
    ],
  },
  {
    program: 'fast-64',
    case: 'syscall from level 3: RCX, R11, selectors, flags, RSP stays',
    section: 'SDM 2B, SYSCALL',
    reason: 'flags outside of IA32_FMASK are kept',
    lines: [
      [
        0,
        'int 0x30 at 0030:0000000000150004 flags 00000002 stack 0038:00000000001c0000 ax 0000000000000002',
        'int 0x30 at 0030:0000000000150004 flags 000008d7 stack 0038:00000000001c0000 ax 00000000000008d7',
      ],
    ],
  },
  {
    program: 'fast-64',
    case: 'sysretq: which flags R11 sets',
    section: 'SDM 2B, SYSRET',
    reason: 'VIF and VIP come from R11',
    lines: [
      [
        0,
        'int 0x31 at 002b:0000000000180004 flags 00243ed7 stack 0023:00000000001f0000 ax 0000000000000023',
        'int 0x31 at 002b:0000000000180004 flags 003c3ed7 stack 0023:00000000001f0000 ax 0000000000000023',
      ],
    ],
  },
  {
    program: 'fast-64',
    case: 'sysretq to a non-canonical address: #GP at level 0',
    section: 'SDM 2B, SYSRET',
    reason: 'a non-canonical RCX faults in SYSRET, at level 0',
    lines: [
      [
        0,
        '#GP(0x0) at 002b:0000800000000000 flags 00010002 stack 0023:00000000001f0000 ax 0000000000000022',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000022',
      ],
    ],
  },
  {
    program: 'fast-64',
    case: 'sysexit to non-canonical addresses: #GP',
    section: 'SDM 2B, SYSEXIT',
    reason: 'non-canonical RCX and RDX fault in SYSEXIT',
    lines: [
      [
        0,
        'int 0x31 at 002b:0000000000180004 flags 00000002 stack 0033:0000800000000000 ax 0000000000000033',
        '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000022',
      ],
      [
        1,
        '#GP(0x0) at 002b:0000800000000000 flags 00010046 stack 0033:0000000000000000 ax 0000000000000033',
        '#GP(0x0) at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000000000000022',
      ],
    ],
  },
  {
    program: 'fast-64',
    case: 'bases are canonical',
    section: 'SDM 2D, WRMSR',
    reason: 'non-canonical addresses raise #GP',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [3, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [6, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [9, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [12, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [15, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
    ],
  },
  {
    program: 'fast-64',
    case: 'FS base is canonical',
    section: 'SDM 2D, WRMSR',
    reason: 'non-canonical addresses raise #GP',
    lines: [[0, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000']],
  },
  {
    program: 'fast-64',
    case: 'rdfsbase and its kin',
    section: 'SDM 2D, WRFSBASE/WRGSBASE',
    reason: 'non-canonical addresses raise #GP',
    lines: [[5, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000']],
  },
  {
    program: 'flags-32',
    case: 'single steps over a repeated string: after each iteration',
    section: 'SDM 3B, 18.3.1.1',
    reason: 'a trap between the iterations of a string instruction pushes RF = 1',
    lines: [
      [
        0,
        '#DB at 0008:+103 flags 00000102 stack 0010:001f0000 ax 00000102',
        '#DB at 0008:+103 flags 00010102 stack 0010:001f0000 ax 00000102',
      ],
      [
        1,
        '#DB at 0008:+103 flags 00000102 stack 0010:001f0000 ax 00000102',
        '#DB at 0008:+103 flags 00010102 stack 0010:001f0000 ax 00000102',
      ],
    ],
  },
  {
    program: 'flags-32',
    case: 'DR7.GD: any access to a debug register is #DB',
    section: 'SDM 3B, 18.2.4',
    reason: 'general detect guards reads of debug registers too, sets DR6.BD and is cleared by its fault',
    lines: [
      [0, 'no fault', '#DB at 0008:+0 flags 00000047 stack 0010:001efffc ax 00002400'],
      [1, '00002400', '00000400'],
      [2, 'ffff0ff0', 'ffff2ff0'],
    ],
  },
  {
    program: 'interrupts-32',
    case: 'a 16-bit gate with an upper offset word: not used',
    section: 'SDM 3A, figure 6-2',
    reason: 'a 16-bit gate has no upper offset word',
    lines: [
      [
        0,
        'int 0x31 at 0050:00010008 flags 00000046 stack 0010:001efffa ax 00000bad',
        [
          'int 0x30 at 0050:+6 flags 00000046 stack 0010:001efffa ax 00000046',
          'int 0x30 at 0050:+d flags 00000046 stack 0010:001efffa ax 00080bac',
          'int 0x30 at 0050:+15 flags 00000046 stack 0010:001efffa ax 00000046',
          'int 0x30 at 0050:+1d flags 00000046 stack 0010:001efffa ax 00000000',
          'int 0x31 at 0050:+22 flags 00000046 stack 0010:001efffa ax 001efffa',
        ],
      ],
    ],
  },
  {
    program: 'interrupts-32',
    case: 'absent stack segment of level 1: #SS',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'a stack segment that is absent raises #SS, not #TS',
    lines: [
      [
        0,
        '#TS(0x68) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000069',
        '#SS(0x68) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000069',
      ],
    ],
  },
  {
    program: 'interrupts-32',
    case: 'stack of level 1 too small: #SS with its selector',
    section: 'SDM 2A, INT n/INTO/INT3/INT1',
    reason: 'the new stack is checked for room; #SS names its selector',
    lines: [
      [
        0,
        'int 0x31 at 0061:0015002b flags 00000002 stack 0069:fffffffc ax 00000069',
        '#SS(0x68) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000069',
      ],
    ],
  },
  {
    program: 'interrupts-32',
    case: 'benign, then contributory: the second is served',
    section: 'SDM 3A, 6.13',
    reason: 'EXT is set for faults while an exception is delivered',
    lines: [
      [
        0,
        '#NP(0x32) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000070',
        '#NP(0x33) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000070',
      ],
    ],
  },
  {
    program: 'interrupts-32',
    case: 'iret to level 3 beyond the code limit',
    section: 'SDM 2A, IRET',
    reason: 'the return address is checked against the limit of its segment',
    lines: [
      [
        0,
        'int 0x31 at 007b:+17 flags 00000002 stack 0023:001c0000 ax 00000bad',
        '#GP(0x0) at 0008:+d flags 00010006 stack 0010:001effec ax 00000050',
      ],
    ],
  },
  {
    program: 'modes-32',
    case: 'CR0: reserved bits are ignored, ET stays',
    section: 'SDM 2B, MOV to control registers',
    reason: 'reserved bits of CR0 keep their value',
    lines: [[1, '1000ff11', '00000011']],
  },
  {
    program: 'modes-32',
    case: 'EFER: reserved bits, LMA is not written',
    section: 'SDM 4, IA32_EFER',
    reason: 'reserved bits raise #GP',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00000002'],
      [1, 'no fault', '#GP(0x0) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00010000'],
      [2, 'no fault', '#GP(0x0) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00000100'],
    ],
  },
  {
    program: 'pae-32',
    case: 'CR0.PG with a reserved bit in a pointer entry: #GP',
    section: 'SDM 3A, 4.4.1',
    reason: 'reserved bits of the pointer entries are checked as they are loaded',
    lines: [[0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010086 stack 0010:001f0000 ax 00220000']],
  },
  {
    program: 'pae-32',
    case: 'pointer entry: not present',
    section: 'SDM 3A, 4.4.1',
    reason: 'reserved bits of the pointer entries are checked as they are loaded',
    lines: [
      [
        0,
        '#PF(0x0) cr2 40000008 at 0008:+0 flags 00010086 stack 0010:001f0000 ax 00220000',
        '#PF(0x0) cr2 40000008 at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000',
      ],
    ],
  },
  {
    program: 'pae-32',
    case: 'pointer entry: reserved bits at a load of CR3',
    section: 'SDM 3A, 4.4.1',
    reason: 'reserved bits of the pointer entries are checked as they are loaded',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [1, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [2, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [3, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [4, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [5, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
      [6, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00220000'],
    ],
  },
  {
    program: 'paging-32',
    case: 'read-modify-write faults as a write',
    section: 'SDM 3A, 4.7',
    reason: 'an access that reads and writes is a write',
    lines: [
      [
        7,
        '#PF(0x0) cr2 00400008 at 0008:+0 flags 00010006 stack 0010:001f0000 ax 00210000',
        '#PF(0x2) cr2 00400008 at 0008:+0 flags 00010006 stack 0010:001f0000 ax 00210000',
      ],
    ],
  },
  {
    program: 'paging-32',
    case: 'push to an absent page leaves ESP',
    section: 'SDM 2B, PUSHA; SDM 2A, ENTER',
    reason: 'PUSHA pushes downwards from EAX; ENTER checks that its frame can be written',
    lines: [
      [
        1,
        '#PF(0x6) cr2 00400fe8 at 001b:+5 flags 00010002 stack 0023:00401008 ax 99999999',
        '#PF(0x6) cr2 00400ffc at 001b:+5 flags 00010002 stack 0023:00401008 ax 99999999',
      ],
      [
        2,
        'int 0x31 at 001b:+10 flags 00000002 stack 0023:00400ff0 ax 99999999',
        '#PF(0x6) cr2 00400ff0 at 001b:+a flags 00010002 stack 0023:00401004 ax 99999999',
      ],
    ],
  },
  {
    program: 'paging-32',
    case: 'SMAP: a descriptor table on a user page, whatever EFLAGS.AC is',
    section: 'SDM 3A, 4.6.1',
    reason: 'EFLAGS.AC does not permit implicit supervisor accesses',
    lines: [
      [1, 'no fault', '#PF(0x1) cr2 00401008 at 0008:+0 flags 00050002 stack 0010:001f0000 ax 0000000c'],
      [2, 'no fault', '#PF(0x1) cr2 00401008 at 0008:+0 flags 00050002 stack 0010:001f0000 ax 0000000c'],
    ],
  },
  {
    program: 'paging-64',
    case: 'string instructions stop where a page ends',
    section: 'SDM 2B, REP',
    reason: 'a fault restores the flags from before a repeated comparison',
    lines: [
      [
        7,
        '#PF(0x0) cr2 0000000000401000 at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000000000000000',
        '#PF(0x0) cr2 0000000000401000 at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000',
      ],
    ],
  },
  {
    program: 'registers-64',
    case: 'CR0: upper half reserved',
    section: 'SDM 2B, MOV to control registers',
    reason: 'bits 63-32 of CR0 are reserved',
    lines: [[0, 'no fault', '#GP(0x0) at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000000180010011']],
  },
  {
    program: 'registers-64',
    case: 'CR8: four bits',
    section: 'SDM 2B, MOV to control registers',
    reason: 'bits 63-4 of CR8 are reserved',
    lines: [
      [2, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000010'],
      [3, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000100000000'],
    ],
  },
  {
    program: 'registers-64',
    case: 'MSRs that are none',
    section: 'SDM 2B, RDMSR; SDM 2D, WRMSR',
    reason: 'an MSR that is not implemented raises #GP',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000000000000000'],
      [1, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [2, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [3, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [4, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
      [5, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000000'],
    ],
  },
  {
    program: 'registers-64',
    case: 'EFER: reserved bits',
    section: 'SDM 4, IA32_EFER',
    reason: 'reserved bits raise #GP',
    lines: [
      [2, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000d02'],
      [3, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000d00'],
    ],
  },
  {
    program: 'registers-64',
    case: 'IA32_PAT: memory types',
    section: 'SDM 3A, 12.12.2',
    reason: 'memory types 2, 3 and above 7 are reserved',
    lines: [
      [2, 'no fault', '#GP(0x0) at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000000000000002'],
      [3, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000008'],
    ],
  },
  {
    program: 'segments-32',
    case: 'limit: last byte, beyond, straddling',
    section: 'SDM 3A, 5.3',
    reason: "offsets are checked against the segment's limit",
    lines: [
      [1, 'no fault', '#GP(0x0) at 0008:+0 flags 00010087 stack 0010:001f0000 ax 00000000'],
      [3, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [4, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [5, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [6, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
    ],
  },
  {
    program: 'segments-32',
    case: 'rights: write to read-only, read and write of code',
    section: 'SDM 3A, 5.5',
    reason: 'a segment is read and written as its type allows',
    lines: [
      [1, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [2, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [4, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [5, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
    ],
  },
  {
    program: 'segments-32',
    case: 'null segment: no access',
    section: 'SDM 3A, 5.4.1',
    reason: 'a null segment register cannot be used',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00000000'],
      [1, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
    ],
  },
  {
    program: 'segments-32',
    case: 'expand-down: below and above the limit',
    section: 'SDM 3A, 5.3',
    reason: 'offsets of an expand-down segment lie above its limit',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000060'],
      [2, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [4, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
      [5, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000068'],
      [8, 'no fault', '#GP(0x0) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000000'],
    ],
  },
  {
    program: 'segments-32',
    case: 'stack limit: #SS for push, pop and EBP-based accesses',
    section: 'SDM 3A, 5.3',
    reason: 'offsets are checked against the limit of the stack segment',
    lines: [
      [
        0,
        'int 0x31 at 001b:+11 flags 00000002 stack 00cb:00000104 ax 00000000',
        '#SS(0x0) at 001b:+e flags 00010002 stack 00cb:00000100 ax 000000cb',
      ],
      [
        1,
        'int 0x31 at 001b:+c flags 00000046 stack 00cb:fffffffc ax 000000cb',
        '#SS(0x0) at 001b:+9 flags 00010046 stack 00cb:00000000 ax 000000cb',
      ],
      [
        2,
        'int 0x31 at 001b:+14 flags 00000002 stack 00cb:001c0000 ax 00000000',
        '#SS(0x0) at 001b:+f flags 00010002 stack 00cb:001c0000 ax 000000cb',
      ],
      [
        3,
        'int 0x31 at 001b:+18 flags 00000002 stack 00cb:ffffffe8 ax 000000cb',
        '#SS(0x0) at 001b:+15 flags 00010002 stack 00cb:00000008 ax 000000cb',
      ],
    ],
  },
  {
    program: 'segments-32',
    case: 'ltr: bad selectors, busy, absent',
    section: 'SDM 2A, LTR',
    reason: 'a null selector raises #GP(0)',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00000000'],
      [
        1,
        '#GP(0x10) at 0008:+0 flags 00010046 stack 0010:001f0000 ax 00000010',
        '#GP(0x10) at 0008:+0 flags 00010002 stack 0010:001f0000 ax 00000010',
      ],
    ],
  },
  {
    program: 'transfers-32',
    case: 'far jump sets the accessed bit',
    section: 'SDM 3A, 3.4.5.1',
    reason: 'loading CS sets the accessed bit',
    lines: [[1, '00cf9a00', '00cf9b00']],
  },
  {
    program: 'transfers-32',
    case: 'call gate from level 3 to conforming code stays at level 3',
    section: 'SDM 3A, 5.8.4',
    reason: 'a conforming target runs at the level of its caller',
    lines: [
      [
        0,
        'int 0x31 at 0050:0018001c flags 00000002 stack 0010:001dfff8 ax 00000050',
        'int 0x31 at 0053:0018001c flags 00000002 stack 0023:001bfff8 ax 00000053',
      ],
    ],
  },
  {
    program: 'transfers-32',
    case: 'call gate from level 3: absent stack of level 1',
    section: 'SDM 2A, CALL',
    reason: 'a stack segment that is absent raises #SS, not #TS',
    lines: [
      [
        0,
        '#TS(0x78) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000079',
        '#SS(0x78) at 001b:+0 flags 00010002 stack 0023:001c0000 ax 00000079',
      ],
    ],
  },
  {
    program: 'transfers-64',
    case: 'far jump to bad selectors',
    section: 'SDM 2A, JMP',
    reason: 'a code segment with both L and D set raises #GP in IA-32e mode',
    lines: [
      [
        3,
        'int 0x31 at 0060:0000000000150004 flags 00000002 stack 0010:00000000001f0000 ax 0000000000000060',
        '#GP(0x60) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000060',
      ],
    ],
  },
  {
    program: 'transfers-64',
    case: 'far return to a non-canonical address',
    section: 'SDM 2B, RET',
    reason: 'a non-canonical return address faults in RET',
    lines: [
      [
        0,
        '#GP(0x0) at 002b:0000800000000000 flags 00010002 stack 0023:00000000001c0000 ax 0000800000000000',
        '#GP(0x0) at 0030:+14 flags 00010002 stack 0010:00000000001effe0 ax 0000800000000000',
      ],
    ],
  },
  {
    program: 'transfers-64',
    case: 'call gates that are bad',
    section: 'SDM 2A, CALL',
    reason: 'a gate with a non-canonical offset raises #GP(0)',
    lines: [
      [
        4,
        '#GP(0x0) at 0030:000080000015002a flags 00010002 stack 0000:00000000001dffe0 ax 0000000000000015',
        '#GP(0x0) at 002b:+0 flags 00010002 stack 0023:00000000001c0000 ax 0000000000000015',
      ],
    ],
  },
  {
    program: 'transfers-64',
    case: 'null SS at level 0 only',
    section: 'SDM 2B, MOV',
    reason: 'a null selector for SS needs RPL = CPL',
    lines: [[1, 'no fault', '#GP(0x0) at 0030:+0 flags 00010046 stack 0000:00000000001f0000 ax 0000000000000003']],
  },
  {
    program: 'transfers-64',
    case: 'lldt: 16-byte descriptors',
    section: 'SDM 2A, LLDT; SDM 3A, 8.2.3',
    reason: 'a base must be canonical, and the type field of the upper half zero',
    lines: [
      [4, 'no fault', '#GP(0x80) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000080'],
      [5, 'no fault', '#GP(0x80) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000080'],
    ],
  },
  {
    program: 'transfers-64',
    case: 'ltr: 16-byte descriptors',
    section: 'SDM 2A, LTR; SDM 3A, 8.2.3',
    reason: 'no TSS of 16 bits in IA-32e mode; a base must be canonical',
    lines: [
      [3, 'no fault', '#GP(0x90) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000090'],
      [5, 'no fault', '#GP(0x90) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000000000000090'],
    ],
  },
  {
    program: 'transfers-64',
    case: 'lgdt of a non-canonical base: #GP',
    section: 'SDM 2A, LGDT/LIDT',
    reason: 'a base must be canonical',
    lines: [
      [0, 'no fault', '#GP(0x0) at 0030:+0 flags 00010046 stack 0010:00000000001f0000 ax 0000800000000000'],
      [1, 'no fault', '#GP(0x0) at 0030:+0 flags 00010002 stack 0010:00000000001f0000 ax 0000800000000000'],
    ],
  },

  {
    program: 'breakpoints-32',
    case: 'breakpoint on an instruction: fault before it, RF lets it pass',
    section: 'SDM 3B, 18.3.1.1',
    reason: 'RF is cleared behind the instruction that it let pass',
    lines: [
      [
        2,
        'int 0x31 at 0008:+5dc flags 00010002 stack 0010:001f0000 ax ffff0ff1',
        'int 0x31 at 0008:+5dc flags 00000002 stack 0010:001f0000 ax ffff0ff1',
      ],
    ],
  },
  {
    program: 'breakpoints-32',
    case: 'breakpoint on a port: after each iteration of a string instruction',
    section: 'SDM 3B, 18.2.5 and 18.3.1.1',
    reason: 'the trap comes behind an iteration, whose registers have moved, and RF is set while there is more to do',
    lines: [
      [
        0,
        '#DB at 0008:+2 flags 00000002 stack 0010:001f0000 ax ffff0ff0',
        '#DB at 0008:+0 flags 00010002 stack 0010:001f0000 ax ffff0ff0',
      ],
      [2, '00000003', '00000002'],
      [5, '00000001', '00000000'],
    ],
  },
  {
    program: 'breakpoints-32',
    case: 'breakpoint on a port and a single step: one trap for both',
    section: 'SDM 3B, 18.3.1.2',
    reason: 'DR6 tells all causes of a #DB',
    lines: [[1, 'ffff0ff4', 'ffff4ff4']],
  },
  {
    program: 'alignment-32',
    case: '#AC: unaligned at level 3 with CR0.AM and EFLAGS.AC',
    section: 'SDM 3A, 6.15 (interrupt 17)',
    reason: 'QEMU 7.2 checks no alignment',
    lines: [
      [
        1,
        'int 0x30 at 001b:+e flags 00040002 stack 0023:001c0000 ax 00000000',
        '#AC(0x0) at 001b:+7 flags 00050002 stack 0023:001c0000 ax 00000000',
      ],
      [2, 'int 0x31 at 001b:+10 flags 00040002 stack 0023:001c0000 ax 00000000', []],
      [
        3,
        'int 0x31 at 001b:+13 flags 00040002 stack 0023:001c0000 ax 00000000',
        '#AC(0x0) at 001b:+b flags 00050002 stack 0023:001c0000 ax 00000000',
      ],
      [
        4,
        'int 0x31 at 001b:+8 flags 00040002 stack 0023:001bfffa ax 00000000',
        '#AC(0x0) at 001b:+5 flags 00050002 stack 0023:001bfffe ax 00000000',
      ],
    ],
  },
  {
    program: 'processors-32',
    case: 'lowest priority: one of them takes it, the one with the lowest',
    section: 'SDM 3A, 11.6.2.4',
    reason: 'of those that are addressed, the one with the lowest priority takes it, not the first one',
    lines: [
      [1, '00000001', '00000000'],
      [2, '00000000', '00000001'],
    ],
  },
  {
    program: 'processors-32',
    case: 'INIT keeps XMM registers and CR0.CD, and clears CR4',
    section: 'SDM 3A, table 9-1',
    reason: 'INIT leaves CR0.CD and CR0.NW as they are',
    lines: [[2, '60000010', '00000010']],
  },
  ...numericDepartures,
  ...shadowDepartures,
  ...switchDepartures,
  ...taskDepartures,
  ...unrealDepartures,
  ...v8086Departures,
];
