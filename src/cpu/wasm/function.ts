import { ByteWriter } from './bytes.ts';
import { memoryOpcodes, type Opcode, typeCodes, type WasmType } from './opcodes.ts';

/** The body of one function while it is being written. Structured control is the caller's to balance. */
export class FunctionBody {
  readonly code = new ByteWriter();
  /** How many blocks, loops and ifs are open: what `br` counts in. */
  depth = 0;
  /** Where in the code, and how likely (1) or not (0), a branch is taken. */
  readonly #hints: { readonly at: number; readonly value: 0 | 1 }[] = [];
  readonly #locals: WasmType[];
  readonly #paramCount: number;

  constructor(params: readonly WasmType[]) {
    this.#locals = [...params];
    this.#paramCount = params.length;
  }

  local(type: WasmType): number {
    this.#locals.push(type);
    return this.#locals.length - 1;
  }

  get(local: number): this {
    this.code.byte(0x20).u32(local);
    return this;
  }

  set(local: number): this {
    this.code.byte(0x21).u32(local);
    return this;
  }

  tee(local: number): this {
    this.code.byte(0x22).u32(local);
    return this;
  }

  i32(value: number): this {
    this.code.byte(0x41).i32(value);
    return this;
  }

  i64(value: bigint): this {
    this.code.byte(0x42).i64(value);
    return this;
  }

  v128(bytes: ArrayLike<number>): this {
    this.code.byte(0xfd).byte(0x0c).bytes(bytes);
    return this;
  }

  op(opcode: Opcode, lane = 0): this {
    this.code.bytes(opcode.code);
    if (opcode.lane) this.code.byte(lane);
    return this;
  }

  /** `i8x16.shuffle` with its sixteen lane numbers. */
  shuffle(lanes: readonly number[]): this {
    this.code.byte(0xfd).byte(0x0d).bytes(lanes);
    return this;
  }

  /** A load or store with a constant offset; alignment is not promised. */
  memory(name: string, offset: number): this {
    const opcode = memoryOpcodes[name];
    if (!opcode) throw new RangeError(`Cannot encode memory access: "${name}" is not one`);
    this.code.bytes(opcode.code).byte(0).u32(offset);
    return this;
  }

  /** The branch that is written next, an `if` or `br_if`, is likely taken or not (branch hinting proposal). */
  hint(isLikely: boolean): this {
    this.hintAt(this.code.length, isLikely);
    return this;
  }

  /** The same for the branch that was written when the code had this length. */
  hintAt(at: number, isLikely: boolean): void {
    this.#hints.push({ at, value: isLikely ? 1 : 0 });
  }

  get hasHints(): boolean {
    return this.#hints.length > 0;
  }

  /** The hints as the section of them has them: offsets count from the declarations of the locals on. */
  encodeHints(into: ByteWriter): void {
    const declarations = new ByteWriter();
    this.#encodeLocals(declarations);
    const hints = this.#hints.toSorted((a, b) => a.at - b.at);
    into.u32(hints.length);
    for (const { at, value } of hints)
      into
        .u32(declarations.length + at)
        .byte(1)
        .byte(value);
  }

  memoryCopy(): this {
    this.code.bytes([0xfc, 0x0a, 0, 0]);
    return this;
  }

  memoryFill(): this {
    this.code.bytes([0xfc, 0x0b, 0]);
    return this;
  }

  if(result?: WasmType): this {
    this.depth++;
    this.code.byte(0x04).byte(result ? typeCodes[result] : 0x40);
    return this;
  }

  else(): this {
    this.code.byte(0x05);
    return this;
  }

  block(): this {
    this.depth++;
    this.code.byte(0x02).byte(0x40);
    return this;
  }

  loop(): this {
    this.depth++;
    this.code.byte(0x03).byte(0x40);
    return this;
  }

  end(): this {
    this.depth--;
    this.code.byte(0x0b);
    return this;
  }

  br(depth: number): this {
    this.code.byte(0x0c).u32(depth);
    return this;
  }

  brIf(depth: number): this {
    this.code.byte(0x0d).u32(depth);
    return this;
  }

  /** Branches to the depth at an index that lies on the stack, or to `otherwise` past the last. */
  brTable(depths: readonly number[], otherwise: number): this {
    this.code.byte(0x0e).u32(depths.length);
    for (const depth of depths) this.code.u32(depth);
    this.code.u32(otherwise);
    return this;
  }

  return(): this {
    this.code.byte(0x0f);
    return this;
  }

  select(): this {
    this.code.byte(0x1b);
    return this;
  }

  drop(): this {
    this.code.byte(0x1a);
    return this;
  }

  unreachable(): this {
    this.code.byte(0x00);
    return this;
  }

  call(functionIndex: number): this {
    this.code.byte(0x10).u32(functionIndex);
    return this;
  }

  callIndirect(typeIndex: number): this {
    this.code.byte(0x11).u32(typeIndex).u32(0);
    return this;
  }

  returnCall(functionIndex: number): this {
    this.code.byte(0x12).u32(functionIndex);
    return this;
  }

  returnCallIndirect(typeIndex: number): this {
    this.code.byte(0x13).u32(typeIndex).u32(0);
    return this;
  }

  /** The body with its local declarations, as the code section holds it. */
  encode(into: ByteWriter): void {
    into.sized((body) => {
      this.#encodeLocals(body);
      body.bytes(this.code.view()).byte(0x0b);
    });
  }

  #encodeLocals(body: ByteWriter): void {
    const runs: { type: WasmType; count: number }[] = [];
    for (const type of this.#locals.slice(this.#paramCount)) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    body.u32(runs.length);
    for (const run of runs) body.u32(run.count).byte(typeCodes[run.type]);
  }
}
