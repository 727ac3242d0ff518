import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag } from '../cpu/isa/x86/index.ts';
import { type Trap, TrapMachine } from './trap-machine.ts';
import type { MakeEngine } from './witness/engines.ts';

const { code, data } = TrapMachine;
const [rax, rcx, rsp, rsi, rdi] = [0, 1, 4, 6, 7];
const [divideError, debug, nmi, breakpoint, alignmentCheck, external] = [0, 1, 2, 3, 17, 0x20];
const rep = 0xf3;
const page = 0x1000;
/** CR0.AM, CR4.OSFXSR and CR4.DE. */
const [alignmentMask, osfxsr, debuggingExtensions] = [1 << 18, 1 << 9, 1 << 3];
const four = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
const loadEax = (at: number): number[] => [0x8b, 0x04, 0x25, ...four(at)];

/** R/W and LEN fields of DR7. */
const on = { instruction: 0, write: 1, port: 2, access: 3 } as const;
const lengthField: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 3, 8: 2 };

interface Watched {
  readonly at: number;
  readonly kind: number;
  readonly bytes?: number;
}

/** Enables breakpoints 0 and up, as a snapshot that has them. */
function watch(machine: TrapMachine, ...watched: readonly Watched[]): TrapMachine {
  const { cpu } = machine.bare.engine;
  const saved = cpu.saveState();
  const dr = [...saved.dr];
  let control = 0x400;
  for (const [number, { at, kind, bytes = 1 }] of watched.entries()) {
    dr[number] = `0x${at.toString(16)}`;
    control |= (2 << (2 * number)) | ((kind | ((lengthField[bytes] ?? 0) << 2)) << (16 + 4 * number));
  }
  dr[7] = `0x${(control >>> 0).toString(16)}`;
  cpu.restoreState({ ...saved, dr });
  return machine;
}

const status = (machine: TrapMachine): number => (machine.bare.engine.cpu.state.dr[6]?.lo ?? 0) & 0xf00f;
const place = (trap: Trap | undefined): [number | undefined, number] => [trap?.vector, Number(trap?.rip ?? 0) - code];
const resumes = (trap: Trap | undefined): boolean => (Number(trap?.eflags ?? 0) & flag.RF) !== 0;

const count = data + 0x7000;
/** Has #DB counted by a handler that sets RF where it returns to. */
function countDebugExceptions(machine: TrapMachine): void {
  const handler = 0x40000;
  machine.bare.load(
    handler,
    ...[0xff, 0x04, 0x25, ...four(count)], // inc dword [count]
    ...[0x81, 0x4c, 0x24, 0x10, ...four(flag.RF)], // or dword [rsp+16], RF
    ...[0x48, 0xcf], // iretq
  );
  machine.bare.load(0x30000 + debug, 0xe9, ...four(handler - (0x30000 + debug + 5)));
}
const counted = (machine: TrapMachine): number => machine.bare.view.getUint32(count, true);

/** Level 3 with CR0.AM, a stack for level 0 in the TSS, and pages of the user's own. */
function enterUser(machine: TrapMachine, eflags: number): TrapMachine {
  const { bare } = machine;
  for (const at of [code, data, data + page]) bare.giveToUser(at);
  bare.view.setBigUint64(4, 0x8000n, true);
  const { cpu } = bare.engine;
  const saved = cpu.saveState();
  const segments = saved.segments.map((segment, number) => {
    if (number === 1) return { ...segment, selector: 0x2b, attributes: 0xa0fb };
    return number === 2 ? { ...segment, selector: 0x33, attributes: 0xc0f3 } : segment;
  });
  const [cr0, cr4] = [(saved.cr0 | alignmentMask) >>> 0, saved.cr4 | osfxsr];
  cpu.restoreState({ ...saved, cpl: 3, segments, cr0, cr4, eflags: eflags | 2 });
  return machine.set(rsp, data + 0x800);
}

/** Breakpoints of the debug registers and alignment checks, whichever engine runs the code. */
export function debugContract(name: string, create: MakeEngine): void {
  dataContract(name, create);
  stringContract(name, create);
  instructionContract(name, create);
  alignmentContract(name, create);
}

function dataContract(name: string, create: MakeEngine): void {
  test(`${name}: a write in a hot loop traps behind its instruction when it hits a breakpoint`, () => {
    const machine = watch(new TrapMachine(create), { at: data + 360, kind: on.write, bytes: 4 });
    machine.set(rdi, data).set(rcx, 100);
    const loop = [0x89, 0x0f, 0x48, 0x83, 0xc7, 4, 0xff, 0xc9, 0x75, 0xf6]; // mov [rdi], ecx; add rdi, 4; dec ecx; jnz

    const trap = machine.run(loop);

    assert.deepEqual([...place(trap), resumes(trap), status(machine)], [debug, 2, false, 1]);
    assert.deepEqual([machine.get(rcx), machine.bare.view.getUint32(data + 360, true)], [10n, 10]);
    assert.equal(machine.instructions, 90 * 4 + 1 + 1);
  });

  const sizes: readonly [watched: number, bytes: number, accessed: number, isHit: boolean][] = [
    [0x10, 1, 0xd, true],
    [0x10, 1, 0xc, false],
    [0x11, 1, 0xe, true],
    [0x12, 2, 0x14, false],
    [0x12, 2, 0x13, true],
    [0x13, 2, 0xf, true], // The breakpoint's address is aligned to its length.
    [0x14, 4, 0x10, false],
    [0x14, 4, 0x17, true],
    [0x18, 8, 0x1f, true],
    [0x18, 8, 0x20, false],
    [0x18, 8, 0x14, false],
    [page, 1, page - 3, true],
    [page - 1, 1, page - 3, true],
    [page, 1, page - 4, false],
  ];
  for (const [watched, bytes, accessed, isHit] of sizes) {
    const title = `${bytes} bytes at ${watched} ${isHit ? 'are' : 'are not'} hit by 4 bytes at ${accessed}`;
    test(`${name}: ${title}`, () => {
      const machine = watch(new TrapMachine(create), { at: data + watched, kind: on.access, bytes });

      assert.equal(machine.run(loadEax(data + accessed))?.vector, isHit ? debug : undefined);
    });
  }

  test(`${name}: a breakpoint on writes lets reads pass, and all that were hit are reported`, () => {
    const machine = new TrapMachine(create);
    watch(machine, { at: data, kind: on.write }, { at: data + 2, kind: on.access }, { at: data + 4, kind: on.access });

    const read = machine.run(loadEax(data));
    const [first, afterRead] = [place(read), status(machine)];
    const changed = machine.run([0xff, 0x04, 0x25, ...four(data)]); // inc dword [data]

    assert.deepEqual([first, afterRead], [[debug, 7], 2]);
    assert.deepEqual([place(changed), status(machine)], [[debug, 7], 3]);
  });

  test(`${name}: a program sets a breakpoint on its own stack while its page is remembered`, () => {
    const machine = new TrapMachine(create).set(rsp, data + 0x100);

    const trap = machine.run([
      ...[0x50, 0x50, 0x58], // push rax; push rax; pop rax
      ...[0xb8, ...four(data + 0xf0)], // mov eax, data + 0xf0
      ...[0x0f, 0x23, 0xc0], // mov dr0, rax
      ...[0xb8, ...four(0x90402)], // mov eax, G0, writes of 8 bytes
      ...[0x0f, 0x23, 0xf8], // mov dr7, rax
      ...[0x50, 0x50, 0x50], // push rax, three times
    ]);

    assert.deepEqual(place(trap), [debug, 20]);
    assert.equal(trap?.rsp, BigInt(data + 0xf0));
  });

  test(`${name}: MOV SS holds the trap of its own read off for an instruction`, () => {
    const machine = watch(new TrapMachine(create), { at: data, kind: on.access, bytes: 2 });
    machine.bare.view.setUint16(data, 0x18, true);

    const trap = machine.run([0x8e, 0x14, 0x25, ...four(data), 0xff, 0xc0, 0xff, 0xc0]); // mov ss, [data]; inc eax...

    assert.deepEqual([...place(trap), machine.get(rax)], [debug, 9, 1n]);
  });

  test(`${name}: what an interrupt pushes traps before the first instruction of its handler`, () => {
    const machine = new TrapMachine(create).set(rsp, data + 0x100);
    watch(machine, { at: data + 0xf0, kind: on.write, bytes: 8 });

    const trap = machine.run([0xcc]); // int3

    assert.deepEqual([trap?.vector, trap?.rip, status(machine)], [debug, BigInt(0x30000 + breakpoint), 1]);
  });

  for (const eflags of [0, flag.TF]) {
    test(`${name}: what a fault pushes traps before its handler, with EFLAGS 0x${eflags.toString(16)}`, () => {
      const machine = watch(new TrapMachine(create), { at: data + 0xf0, kind: on.write, bytes: 8 });
      const { cpu } = machine.set(rcx, 0).set(rsp, data + 0x100).bare.engine;
      cpu.restoreState({ ...cpu.saveState(), eflags: eflags | 2 });

      const trap = machine.run([0xf7, 0xf1]); // div ecx

      assert.deepEqual([trap?.vector, trap?.rip, status(machine)], [debug, BigInt(0x30000 + divideError), 1]);
    });
  }

  test(`${name}: what an interrupt pushes traps before its handler, though an NMI waits`, () => {
    const machine = watch(new TrapMachine(create), { at: data + 0xf0, kind: on.write, bytes: 8 });
    machine.set(rsp, data + 0x100).eflags = flag.IF;
    const { engine, bus } = machine.bare;
    bus.acknowledgeInterrupt = () => {
      engine.setInterrupt(false);
      engine.nonMaskableInterrupt();
      return external;
    };
    engine.setInterrupt(true);

    const trap = machine.run([0x90]);

    // The NMI comes next, before the handler of #DB has run.
    assert.deepEqual([trap?.vector, trap?.rip], [nmi, BigInt(0x30000 + debug)]);
    assert.equal(machine.bare.view.getBigUint64(Number(trap?.rsp ?? 0), true), BigInt(0x30000 + external));
  });

  test(`${name}: a breakpoint on a port traps before an interrupt that the port has raised`, () => {
    const machine = watch(new TrapMachine(create), { at: 0x80, kind: on.port });
    machine.eflags = flag.IF;
    const { engine, bus } = machine.bare;
    engine.cpu.restoreState({ ...engine.cpu.saveState(), cr4: engine.cpu.state.cr4 | debuggingExtensions });
    bus.acknowledgeInterrupt = () => external;
    bus.writePort = () => engine.setInterrupt(true);

    const trap = machine.run([0xe6, 0x80, 0x90]); // out 0x80, al

    assert.deepEqual(place(trap), [debug, 2]);
  });

  test(`${name}: an instruction that faults reports no breakpoint`, () => {
    const machine = watch(new TrapMachine(create), { at: data, kind: on.access, bytes: 4 });
    machine.set(rsi, data).set(rdi, 0x7fffff000000);

    const trap = machine.run([0xa5]); // movsd

    assert.deepEqual([...place(trap), status(machine)], [14, 0, 0]);
  });
}

function stringContract(name: string, create: MakeEngine): void {
  test(`${name}: a repeated store traps between its iterations, with RF`, () => {
    const machine = watch(new TrapMachine(create), { at: data + page + 5, kind: on.write });
    machine
      .set(rdi, data)
      .set(rcx, 3 * page)
      .set(rax, 0x5a);

    const trap = machine.run([rep, 0xaa]);

    assert.deepEqual([...place(trap), resumes(trap)], [debug, 0, true]);
    assert.deepEqual([machine.get(rdi), machine.get(rcx)], [BigInt(data + page + 6), BigInt(2 * page - 6)]);
    assert.deepEqual([...machine.bare.ram.subarray(data + page + 4, data + page + 7)], [0x5a, 0x5a, 0]);
  });

  test(`${name}: a repeated copy traps where its source is watched, and goes on behind that`, () => {
    const machine = watch(new TrapMachine(create), { at: data + 0x804, kind: on.access, bytes: 4 });
    countDebugExceptions(machine);
    for (let i = 0; i < page; i++) machine.bare.ram[data + i] = i % 251;
    machine
      .set(rsi, data)
      .set(rdi, data + 2 * page)
      .set(rcx, page);

    const trap = machine.run([rep, 0xa4]);

    assert.deepEqual([trap, counted(machine), machine.get(rcx)], [undefined, 4, 0n]);
    assert.deepEqual(
      [...machine.bare.ram.subarray(data + 2 * page, data + 3 * page)],
      Array.from({ length: page }, (_, i) => i % 251),
    );
  });

  test(`${name}: the last iteration traps behind the instruction`, () => {
    const machine = watch(new TrapMachine(create), { at: data + 3, kind: on.write });
    machine.set(rdi, data).set(rcx, 4);

    const trap = machine.run([rep, 0xaa]);

    assert.deepEqual([...place(trap), resumes(trap), machine.get(rcx)], [debug, 2, false, 0n]);
  });

  test(`${name}: string input traps behind the element that hits`, () => {
    const machine = watch(new TrapMachine(create), { at: data + 2, kind: on.write });
    machine.set(rdi, data).set(rcx, 5);

    const trap = machine.run([rep, 0x6c]);

    assert.deepEqual([...place(trap), machine.get(rcx)], [debug, 0, 2n]);
    assert.equal(machine.bare.bus.log.length, 3);
  });
}

function instructionContract(name: string, create: MakeEngine): void {
  const loop = [0xff, 0xc0, 0xff, 0xc9, 0x75, 0xfa]; // inc eax; dec ecx; jnz -6

  test(`${name}: a breakpoint on an instruction faults before it, and RF is as it was`, () => {
    const machine = watch(new TrapMachine(create), { at: code + 2, kind: on.instruction });
    machine.set(rcx, 5);

    const trap = machine.run(loop);

    assert.deepEqual([...place(trap), resumes(trap), status(machine)], [debug, 2, false, 1]);
    assert.deepEqual([machine.get(rax), machine.get(rcx)], [1n, 5n]);
  });

  test(`${name}: RF lets the instruction pass once, in a loop that is hot`, () => {
    const machine = new TrapMachine(create).set(rcx, 200);
    machine.run(loop); // Translated by now.
    countDebugExceptions(watch(machine, { at: code + 2, kind: on.instruction }));
    machine.set(rcx, 50).set(rax, 0);

    const trap = machine.run(loop);

    assert.deepEqual([trap, counted(machine), machine.get(rax)], [undefined, 50, 50n]);
  });

  test(`${name}: code of other pages finds the breakpoint in what it calls`, () => {
    const machine = new TrapMachine(create).set(rcx, 60);
    machine.bare.load(code + page, 0x90, 0xff, 0xc0, 0xc3); // nop; inc eax; ret
    const calls = [0xe8, ...four(page - 5), 0xff, 0xc9, 0x75, 0xf7]; // call; dec ecx; jnz
    machine.run(calls);
    countDebugExceptions(watch(machine, { at: code + page + 1, kind: on.instruction }));
    machine.set(rcx, 60);

    const trap = machine.run(calls);

    assert.deepEqual([trap, counted(machine), machine.get(rax)], [undefined, 60, 120n]);
  });

  test(`${name}: a breakpoint on a repeated instruction strikes once`, () => {
    const machine = watch(new TrapMachine(create), { at: code, kind: on.instruction });
    countDebugExceptions(machine);
    machine.set(rdi, data).set(rcx, 0x6000);

    const trap = machine.run([rep, 0xaa]);

    assert.deepEqual([trap, counted(machine), machine.get(rcx)], [undefined, 1, 0n]);
  });

  test(`${name}: an instruction that crosses into a page with a breakpoint runs`, () => {
    const machine = watch(new TrapMachine(create), { at: code + page + 3, kind: on.instruction });
    const start = code + page - 2;

    const trap = machine.run([0xb8, ...four(7), 0x90, 0x90], start); // mov eax, 7; nop

    assert.deepEqual([trap?.vector, trap?.rip, machine.get(rax)], [debug, BigInt(code + page + 3), 7n]);
  });

  test(`${name}: no breakpoint strikes behind MOV SS`, () => {
    const machine = watch(new TrapMachine(create), { at: code + 2, kind: on.instruction });
    machine.set(rax, 0x18);

    assert.equal(machine.run([0x8e, 0xd0, 0xff, 0xc0]), undefined); // mov ss, eax; inc eax
    assert.equal(machine.get(rax), 0x19n);
  });

  test(`${name}: a breakpoint that is switched off strikes no more`, () => {
    const machine = watch(new TrapMachine(create), { at: code + 5, kind: on.instruction });

    const trap = machine.run([0x31, 0xc0, 0x0f, 0x23, 0xf8, 0xff, 0xc0]); // xor eax, eax; mov dr7, rax; inc eax

    assert.deepEqual([trap, machine.get(rax)], [undefined, 1n]);
  });
}

function alignmentContract(name: string, create: MakeEngine): void {
  const accesses: readonly [title: string, bytes: number[], isChecked: boolean][] = [
    ['a byte', [0x8a, 0x07], false],
    ['2 bytes', [0x66, 0x8b, 0x07], true],
    ['4 bytes', [0x8b, 0x07], true],
    ['8 bytes', [0x48, 0x8b, 0x07], true],
    ['8 bytes across pages', [0x48, 0x89, 0x87, ...four(0xffb)], true],
    ['movups', [0x0f, 0x10, 0x07], false],
    ['a string', [rep, 0xab], true],
    ['a string of bytes', [rep, 0xaa], false],
    ['an x87 environment', [0xd9, 0x37], true],
  ];
  for (const [title, bytes, isChecked] of accesses) {
    test(`${name}: user code accesses ${title} at an odd address: ${isChecked ? '#AC' : 'nothing'}`, () => {
      const machine = enterUser(new TrapMachine(create), flag.AC);
      machine.set(rdi, data + 1).set(rcx, 3);

      const trap = machine.run([...bytes, 0xcc]); // int3

      const start = isChecked ? { vector: alignmentCheck, errorCode: 0n, rip: BigInt(code) } : { vector: 13 };
      assert.deepEqual({ ...start }, pick(trap, Object.keys(start)));
    });
  }

  test(`${name}: POPF switches the check on in code that is hot, and off again`, () => {
    const machine = enterUser(new TrapMachine(create), 0)
      .set(rdi, data + 1)
      .set(rcx, 100);
    const loop = [0x8b, 0x07, 0xff, 0xc9, 0x75, 0xfa]; // mov eax, [rdi]; dec ecx; jnz

    const trap = machine.run([
      ...loop,
      ...[0x68, ...four(flag.AC | 2), 0x9d], // push AC; popf
      ...[0x48, 0xff, 0xcf, 0x8b, 0x07], // dec rdi; mov eax, [rdi]
      ...[0x68, ...four(2), 0x9d], // push 2; popf
      ...[0x48, 0xff, 0xc7, 0x8b, 0x07], // inc rdi; mov eax, [rdi]
      ...[0x68, ...four(flag.AC | 2), 0x9d, 0xb1, 1, 0xe9, ...four(-37)], // push AC; popf; mov cl, 1; jmp to the start
    ]);

    assert.deepEqual(place(trap), [alignmentCheck, 0]);
    assert.deepEqual([machine.get(rcx), machine.get(rdi)], [1n, BigInt(data + 1)]);
  });
}

const pick = (trap: Trap | undefined, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(trap ?? {}).filter(([key]) => keys.includes(key)));
