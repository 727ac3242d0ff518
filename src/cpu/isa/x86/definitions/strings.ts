/**
 * String instructions (SDM 1, 7.3.9). What lies in one page of RAM per operand, runs upwards and needs no segment checks is
 * done in place; a helper does everything else, and goes on where the page ends (memcpy and page-fault rows of the bench).
 */
import { asVal, bytesOf, type Val, Value, type WasmEmitter, type Width } from '../../index.ts';
import { subFlags } from '../arithmetic-flags.ts';
import { attention, flag, layout, segment, tlb } from '../layout.ts';
import { modeKey } from '../mode.ts';
import { hex, type Row, row } from '../row.ts';
import type { Body, X86Target } from '../target.ts';
import { emitTlbEntry } from '../tlb-probe.ts';

const register = { accumulator: 0, count: 1, source: 6, destination: 7 } as const;
const pageBytes = 4096;
/** Up to here a loop of stores costs less than a call of memory.fill. */
const shortBytes = 64;

/** The part of a string instruction that may be done in place. */
class StringRun {
  readonly bytes: number;
  readonly repeat: Val;
  /** i32s: elements that the registers allow, and those of them that lie in one page. */
  readonly elements: Val;
  readonly length: Val;
  readonly #e: WasmEmitter;
  readonly #x: X86Target;
  readonly #mask: Val;
  readonly #count: Val;
  readonly #hosts = new Map<number, Val>();
  #isInPlace: Val;

  constructor(e: WasmEmitter, x: X86Target, w: Width, form: Val, operands: readonly ('source' | 'read' | 'write')[]) {
    this.#e = e;
    this.#x = x;
    this.bytes = bytesOf(w);
    this.repeat = e.op('i32.and', e.op('i32.shr_u', form, e.i32(8)), e.i32(0xff));
    const addressBytes = e.op('i32.and', form, e.i32(0xff));
    this.#mask = e.select(e.op('i32.eq', addressBytes, e.i32(8)), e.i64(-1n), e.i64(0xffffffffn));
    this.#isInPlace = this.#isPlainMode(form, addressBytes);
    const counted = e.op('i64.and', x.register(64, register.count), this.#mask);
    this.#count = e.select(this.repeat, counted, e.i64(1n));
    const rooms = operands.map((operand) => this.#locate(form, operand));
    const room = rooms.reduce((least, other) => e.select(e.op('i32.lt_u', least, other), least, other));
    const isAll = e.op('i64.le_u', this.#count, e.op('i64.extend_i32_u', room));
    this.elements = e.select(isAll, e.op('i32.wrap_i64', this.#count), room);
    this.length = e.op('i32.mul', this.elements, e.i32(this.bytes));
  }

  /** Where an operand lies in linear memory, an i32; only meaningful in place. */
  host(number: number): Val {
    return this.#hosts.get(number) as Val;
  }

  require(condition: Val): void {
    this.#isInPlace = this.#e.op('i32.and', this.#isInPlace, condition);
  }

  /** `run` does the elements in place, or a helper does them all. */
  perform(helper: string, form: Val, run: () => void): void {
    const e = this.#e;
    e.when(e.op('i32.eqz', this.#isInPlace), () => this.#x.helperEnds(helper, e.i32(this.bytes), form));
    run();
  }

  /** Moves the pointers behind `length` bytes, and counts them off; the elements that are left, an i64. */
  advance(pointers: readonly number[], length: Val): Val {
    const e = this.#e;
    const distance = e.op('i64.extend_i32_u', length);
    for (const number of pointers) {
      const moved = e.op('i64.add', this.#x.register(64, number), distance);
      this.#x.setRegister(64, number, e.op('i64.and', moved, this.#mask));
    }
    const left = e.op('i64.sub', this.#count, e.op('i64.shr_u', distance, e.i64(BigInt(Math.log2(this.bytes)))));
    e.when(this.repeat, () => this.#x.setRegister(64, register.count, left));
    return left;
  }

  /** Up, without single steps, with flat segments and addresses of 32 or 64 bits. */
  #isPlainMode(form: Val, addressBytes: Val): Val {
    const e = this.#e;
    const key = this.#x.state('i32', layout.modeKey);
    const is64 = e.op('i32.eq', e.op('i32.and', key, e.i32(modeKey.codeMask)), e.i32(modeKey.code64));
    const number = e.op('i32.shr_u', form, e.i32(16));
    const isPlainSegment = e.op(
      'i32.and',
      e.op('i32.lt_u', number, e.i32(segment.fs)),
      e.op('i32.ne', number, e.i32(segment.cs)),
    );
    const isFlat = e.op('i32.and', e.op('i32.ne', e.op('i32.and', key, e.i32(modeKey.flat)), e.i32(0)), isPlainSegment);
    const stepsOrDown = e.op('i32.and', this.#x.state('i32', layout.eflagsRest), e.i32(flag.TF | flag.DF));
    const isStepped = e.op('i32.and', this.#x.state('i32', layout.attention), e.i32(attention.singleStep));
    const isWide = e.op('i32.ne', addressBytes, e.i32(2));
    const obstacles = e.op('i32.or', stepsOrDown, isStepped);
    return e.op('i32.and', e.op('i32.and', e.op('i32.or', is64, isFlat), isWide), e.op('i32.eqz', obstacles));
  }

  /** Looks an operand up in the TLB; how many elements its page has from there on. */
  #locate(form: Val, operand: 'source' | 'read' | 'write'): Val {
    const e = this.#e;
    const x = this.#x;
    const number = operand === 'source' ? register.source : register.destination;
    const offset = e.op('i64.and', x.register(64, number), this.#mask);
    const at = e.op('i32.shl', e.op('i32.shr_u', form, e.i32(16)), e.i32(3));
    const linear =
      operand === 'source' ? e.op('i64.add', offset, e.loadMemory('i64.load', at, layout.segmentBase)) : offset;
    const entry = emitTlbEntry(e, x.state('i32', layout.tlbBank), linear);
    const tag = e.loadMemory('i64.load', entry, operand === 'write' ? tlb.writeTag : tlb.readTag);
    this.require(e.op('i64.eq', e.op('i64.and', linear, e.i64(-4096n)), tag));
    const low = e.op('i32.wrap_i64', linear);
    this.#hosts.set(number, e.op('i32.add', low, e.loadMemory('i32.load', entry, tlb.addend)));
    const left = e.op('i32.sub', e.i32(pageBytes), e.op('i32.and', low, e.i32(pageBytes - 1)));
    return e.op('i32.shr_u', left, e.i32(Math.log2(this.bytes)));
  }
}

const memoryName = (kind: 'load' | 'store', w: Width): string => {
  if (w >= 32) return `i${w}.${kind}`;
  return kind === 'load' ? `i32.load${w}_u` : `i32.store${w}`;
};

interface OffsetLoop {
  readonly bytes: number;
  /** An i32, not zero when the first element must be visited. */
  readonly length: Val;
  /** Visits the element at an offset; may give a condition to go on. */
  readonly visit: (offset: Val) => Val | undefined;
}

/** Loops over the offsets 0, `bytes`, ... below `length`; the offset behind the last one visited. */
function eachOffset(e: WasmEmitter, { bytes, length, visit }: OffsetLoop): Val {
  const { body } = e;
  const local = e.result('i32');
  const offset = asVal(Value.local('i32', local));
  body.i32(0).set(local).block().loop();
  e.push(e.op('i32.ge_u', offset, length));
  body.brIf(1);
  const goesOn = visit(offset);
  e.push(e.op('i32.add', offset, e.i32(bytes)));
  body.set(local);
  e.push(goesOn ?? e.i32(1));
  body.brIf(0).end().end();
  return offset;
}

const movs: Body = (e, x, w, form) => {
  const run = new StringRun(e, x, w, form as Val, ['source', 'write']);
  const { length, bytes } = run;
  const from = run.host(register.source);
  const to = run.host(register.destination);
  const distance = e.op('i32.sub', to, from);
  // A destination that overlaps what is still to be read gets it repeated.
  run.require(e.op('i32.or', e.op('i32.ge_u', distance, length), e.op('i32.eqz', distance)));
  run.perform('movsString', form as Val, () => {
    e.when(
      e.op('i32.eq', length, e.i32(bytes)),
      () => e.storeMemory(memoryName('store', w), to, 0, e.loadMemory(memoryName('load', w), from, 0)),
      () => {
        e.push(to, from, length);
        e.body.memoryCopy();
      },
    );
    const left = run.advance([register.source, register.destination], length);
    e.when(e.op('i64.ne', left, e.i64(0n)), () => x.helperEnds('movsString', e.i32(bytes), form as Val));
  });
};

/** Whether all bytes of a value are the same. */
function isUniform(e: WasmEmitter, w: Width, value: Val, low: Val): Val {
  if (w === 8) return e.i32(1);
  const ones = w === 64 ? 0x0101010101010101n : w === 32 ? 0x01010101 : 0x0101;
  return e.equal(w, value, e.mul(w, w === 64 ? e.op('i64.extend_i32_u', low) : low, e.constant(w, ones)));
}

const stos: Body = (e, x, w, form) => {
  const run = new StringRun(e, x, w, form as Val, ['write']);
  const { length, bytes } = run;
  const to = run.host(register.destination);
  const value = x.register(w, register.accumulator);
  const low = e.op('i32.and', w === 64 ? e.op('i32.wrap_i64', value) : value, e.i32(0xff));
  run.perform('stosString', form as Val, () => {
    const isLong = e.op('i32.gt_u', length, e.i32(shortBytes));
    e.when(
      e.op('i32.and', isLong, isUniform(e, w, value, low)),
      () => {
        e.push(to, low, length);
        e.body.memoryFill();
      },
      () => {
        const visit = (offset: Val): undefined =>
          void e.storeMemory(memoryName('store', w), e.op('i32.add', to, offset), 0, value);
        eachOffset(e, { bytes, length, visit });
      },
    );
    const left = run.advance([register.destination], length);
    e.when(e.op('i64.ne', left, e.i64(0n)), () => x.helperEnds('stosString', e.i32(bytes), form as Val));
  });
};

const lods: Body = (e, x, w, form) => {
  const run = new StringRun(e, x, w, form as Val, ['source']);
  run.require(e.op('i32.eqz', run.repeat));
  run.require(e.op('i32.ne', run.elements, e.i32(0)));
  run.perform('lodsString', form as Val, () => {
    const value = e.loadMemory(memoryName('load', w), run.host(register.source), 0);
    run.advance([register.source], run.length);
    x.setRegister(w, register.accumulator, value);
  });
};

/** CMPS, or SCAS when there is no source: flags come with the last comparison, and only then. */
const compare =
  (helper: string, hasSource: boolean): Body =>
  (e, x, w, form) => {
    const run = new StringRun(e, x, w, form as Val, hasSource ? ['source', 'read'] : ['read']);
    const { bytes, length } = run;
    run.require(e.op('i32.ne', run.elements, e.i32(0)));
    const element = (number: number, offset: Val): Val =>
      e.loadMemory(memoryName('load', w), e.op('i32.add', run.host(number), offset), 0);
    const accumulator = hasSource ? undefined : x.register(w, register.accumulator);
    run.perform(helper, form as Val, () => {
      let last: readonly [Val, Val, Val] | undefined;
      const visit = (offset: Val): Val => {
        const a = accumulator ?? element(register.source, offset);
        const b = element(register.destination, offset);
        const goesOn = e.op('i32.eq', e.equal(w, a, b), e.op('i32.eq', run.repeat, e.i32(1)));
        last = [a, b, goesOn];
        return goesOn;
      };
      const done = eachOffset(e, { bytes, length, visit });
      const [a, b, goesOn] = last as unknown as readonly [Val, Val, Val];
      const pointers = hasSource ? [register.source, register.destination] : [register.destination];
      const left = run.advance(pointers, done);
      e.when(e.op('i32.and', goesOn, e.op('i64.ne', left, e.i64(0n))), () =>
        x.helperEnds(helper, e.i32(bytes), form as Val),
      );
      x.setFlags(subFlags(e, w, a, b, e.sub(w, a, b)));
    });
  };

const inPlace: readonly [number, string, Body][] = [
  [0xa4, 'movs', movs],
  [0xa6, 'cmps', compare('cmpsString', true)],
  [0xaa, 'stos', stos],
  [0xac, 'lods', lods],
  [0xae, 'scas', compare('scasString', false)],
];

export const strings: readonly Row[] = inPlace.flatMap(([opcode, name, body]) => [
  row(hex(opcode), name, '', body, { repeats: true, width: 8 }),
  row(hex(opcode + 1), name, '', body, { repeats: true }),
]);
