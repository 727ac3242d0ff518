import { asVal, type Val, Value, type WasmEmitter, type Width } from '../isa/index.ts';
import {
  type FlagForm,
  type FlagOrigin,
  type FlagVals,
  firstCarryForm,
  flagsOfForm,
  layout,
  flagForm as memoryForm,
  originForm,
  originOfForm,
  wideFormBits,
} from '../isa/x86/index.ts';
import { type FormSet, memoryForms, wordForms } from './touches.ts';

/** In which form a region has the flags, at a point of its code. */
export const flagForm = {
  /** In memory only, in whatever form (`layout.flagForm`). */
  memory: 0,
  /** As three words in locals; memory is older. */
  words: 1,
  firstOrigin: memoryForm.firstOrigin,
  /** As three words in locals, as memory has them. */
  cleanWords: -1,
  /** As the local `kind` says: 0, 1 or an origin. */
  dynamic: -2,
  /** As three words in memory only. */
  memoryWords: -3,
} as const;

type LocalName = 'zero' | 'sign' | 'carry' | 'a32' | 'b32' | 'a64' | 'b64' | 'cf' | 'kind';

const sizeOf = (width: Width): '32' | '64' => (width === 64 ? '64' : '32');

/** Locals of the flags, made when they are first needed, and how they go to memory. */
export class FlagLocals {
  readonly #e: WasmEmitter;
  readonly #known = new Map<LocalName, number>();

  constructor(e: WasmEmitter) {
    this.#e = e;
  }

  local(name: LocalName): number {
    let local = this.#known.get(name);
    if (local === undefined) {
      local = this.#e.body.local(name.endsWith('32') || name === 'kind' ? 'i32' : 'i64');
      this.#known.set(name, local);
    }
    return local;
  }

  #val(name: LocalName): Val {
    return asVal(Value.local(name.endsWith('32') || name === 'kind' ? 'i32' : 'i64', this.local(name)));
  }

  /** The form of dynamic flags. */
  kind(): Val {
    return this.#val('kind');
  }

  setOrigin(origin: FlagOrigin): void {
    const { body } = this.#e;
    const size = sizeOf(origin.width);
    if (origin.kind === 'logic') {
      this.#e.push(origin.result);
      body.set(this.local(`a${size}`));
    } else if (origin.kind === 'sum' || origin.kind === 'difference') {
      this.#e.push(origin.b, origin.a);
      body.set(this.local(`a${size}`)).set(this.local(`b${size}`));
    } else {
      const { result, carry } = origin as FlagOrigin & { kind: 'increment' | 'decrement' };
      this.#e.push(result, carry);
      body.set(this.local('cf')).set(this.local(`a${size}`));
    }
  }

  /** The flags of a form that stands for an origin. */
  ofOrigin(form: FlagForm): FlagVals {
    return flagsOfForm(this.#e, form, {
      a: (width) => this.#val(`a${sizeOf(width)}`),
      b: (width) => this.#val(`b${sizeOf(width)}`),
      carry: () => this.#val('cf'),
    });
  }

  words(): FlagVals {
    return { zero: this.#val('zero'), sign: this.#val('sign'), carry: this.#val('carry') };
  }

  setWords({ zero, sign, carry }: FlagVals): void {
    this.#e.push(zero, sign, carry);
    this.#e.body.set(this.local('carry')).set(this.local('sign')).set(this.local('zero'));
  }

  wordsInMemory(): FlagVals {
    const word = (offset: number): Val => this.#e.loadMemory('i64.load', this.#e.i32(0), offset);
    return { zero: word(layout.flagZero), sign: word(layout.flagSign), carry: word(layout.flagCarry) };
  }

  // To memory.

  storeWords(): void {
    const { body } = this.#e;
    body.i32(0).get(this.local('zero')).memory('i64.store', layout.flagZero);
    body.i32(0).get(this.local('sign')).memory('i64.store', layout.flagSign);
    body.i32(0).get(this.local('carry')).memory('i64.store', layout.flagCarry);
    body.i32(0).i32(memoryForm.words).memory('i32.store', layout.flagForm);
  }

  storeOrigin(form: FlagForm): void {
    const { kind, width } = originOfForm(form);
    this.#e.body.i32(0).i32(form).memory('i32.store', layout.flagForm);
    this.#storeOperand('a', sizeOf(width));
    if (kind === 'sum' || kind === 'difference') this.#storeOperand('b', sizeOf(width));
    else if (kind !== 'logic') this.#storeCarry();
  }

  #storeOperand(name: 'a' | 'b', size: '32' | '64'): void {
    const offset = name === 'a' ? layout.flagA : layout.flagB;
    const { body } = this.#e;
    body.i32(0).get(this.local(`${name}${size}`));
    body.memory(size === '64' ? 'i64.store' : 'i32.store', offset);
  }

  #storeCarry(): void {
    this.#e.body.i32(0).get(this.local('cf')).memory('i64.store', layout.flagB);
  }

  /** Stores dynamic flags of one of these forms; nothing when they are in memory. */
  storeByKind(forms: FormSet): void {
    const e = this.#e;
    const { body } = e;
    const origins = formsIn(forms & ~(memoryForms | wordForms));
    if (forms & wordForms) {
      e.push(e.op('i32.eq', this.kind(), e.i32(flagForm.words)));
      body.if();
      this.storeWords();
      body.else();
    }
    if (origins.length > 0) {
      if (forms & memoryForms) body.get(this.local('kind')).if();
      body.i32(0).get(this.local('kind')).memory('i32.store', layout.flagForm);
      this.#storeOperandsByKind(this.kind(), origins);
      if (forms & memoryForms) body.end();
    }
    if (forms & wordForms) body.end();
  }

  #storeOperandsByKind(kind: Val, origins: readonly FlagForm[]): void {
    const e = this.#e;
    const { body } = e;
    const isWide = (form: FlagForm): boolean => originOfForm(form).width === 64;
    const [hasWide, hasNarrow] = [origins.some(isWide), origins.some((form) => !isWide(form))];
    const store = (size: '32' | '64'): void => {
      this.#storeOperand('a', size);
      this.#storeOperand('b', size);
    };
    if (hasWide && hasNarrow) {
      const bits = e.op('i32.and', e.op('i32.sub', kind, e.i32(flagForm.firstOrigin)), e.i32(wideFormBits));
      e.push(e.op('i32.eq', bits, e.i32(wideFormBits)));
      body.if();
      store('64');
      body.else();
      store('32');
      body.end();
    } else store(hasWide ? '64' : '32');
    if (!origins.some((form) => form >= firstCarryForm)) return;
    e.push(e.op('i32.ge_u', kind, e.i32(firstCarryForm)));
    body.if();
    this.#storeCarry();
    body.end();
  }
}

/** The forms of a set. */
export function formsIn(forms: FormSet): FlagForm[] {
  const found: FlagForm[] = [];
  for (let rest = forms; rest !== 0; rest &= rest - 1) found.push(31 - Math.clz32(rest & -rest));
  return found;
}

export { type FlagForm, originForm };
