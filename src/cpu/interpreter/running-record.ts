import { asVal, type Operand, type Val, Value, type WasmEmitter, type Width } from '../isa/index.ts';
import { layout, type RecordField, stateAccess } from '../isa/x86/index.ts';
import { record } from './record.ts';

/** The first of a handler's locals. */
const ip = 0;

/** What a handler finds in linear memory: the record that it runs, and through it where the guest is; the vCPU's state. */
export class RunningRecord {
  readonly #e: WasmEmitter;

  constructor(e: WasmEmitter) {
    this.#e = e;
  }

  get address(): Operand {
    return asVal(Value.local('i32', ip));
  }

  field(name: RecordField): Operand {
    return this.#e.loadMemory('i32.load8_u', this.address, record[name]);
  }

  displacement(): Operand {
    return this.#e.loadMemory('i64.load32_s', this.address, record.displacement);
  }

  displacement32(): Operand {
    return this.#e.loadMemory('i32.load', this.address, record.displacement);
  }

  /** The immediate in the operand's width; wider than the field only when it takes the displacement's place too. */
  immediate(width: Width, isWhole: boolean): Operand {
    if (width === 64) {
      return isWhole
        ? this.#e.loadMemory('i64.load', this.address, record.displacement)
        : this.#e.loadMemory('i64.load32_s', this.address, record.immediate);
    }
    return this.#e.loadMemory('i32.load', this.address, record.immediate);
  }

  setImmediate(value: Val): void {
    this.#e.storeMemory('i32.store', this.address, record.immediate, value);
  }

  state(type: 'i32' | 'i64' | 'u16', offset: number): Val {
    return this.#e.loadMemory(stateAccess[type].load, this.#e.i32(0), offset);
  }

  setState(type: 'i32' | 'i64' | 'u16', offset: number, value: Val): void {
    this.#e.storeMemory(stateAccess[type].store, this.#e.i32(0), offset, value);
  }

  wrapAddress(linear: Val): Val {
    return this.#e.op('i64.and', linear, this.state('i64', layout.addressMask));
  }

  #pageOffset(): Val {
    const position = this.#e.loadMemory('i32.load16_u', this.address, record.position);
    return this.#e.op('i32.and', position, this.#e.i32(0xfff));
  }

  #ripAt(pageOffset: Val): Val {
    const e = this.#e;
    return this.wrapAddress(e.op('i64.add', this.state('i64', layout.codePage), e.op('i64.extend_i32_u', pageOffset)));
  }

  /** Address of the running instruction. */
  rip(): Val {
    return this.#ripAt(this.#pageOffset());
  }

  nextRip(): Val {
    const e = this.#e;
    const position = e.loadMemory('i32.load16_u', this.address, record.position);
    const length = e.op('i32.shr_u', position, e.i32(12));
    return this.#ripAt(e.op('i32.add', e.op('i32.and', position, e.i32(0xfff)), length));
  }

  storeRip(): void {
    this.setState('i64', layout.rip, this.rip());
  }
}
