import { asVal, type Val, Value, type WasmEmitter, type Width } from '../isa/index.ts';
import { type FlagOrigin, type FlagVals, flagsOf } from '../isa/x86/index.ts';

/**
 * In which form a region has the flags. Numbers from `firstOrigin` on stand for operands of the instruction that set them
 * last: nothing is computed before something asks for a flag.
 */
export const flagForm = {
  /** In memory only. */
  memory: 0,
  /** As three words in locals; memory is older. */
  words: 1,
  firstOrigin: 2,
  /** As three words in locals, as memory has them. */
  cleanWords: -1,
  /** As the local `kind` says: 0, 1 or an origin. */
  dynamic: -2,
} as const;
export type FlagForm = number;

const kinds: readonly FlagOrigin['kind'][] = ['sum', 'difference', 'logic', 'increment', 'decrement'];
const widths: readonly Width[] = [8, 16, 32, 64];

export const originForm = ({ kind, width }: Pick<FlagOrigin, 'kind' | 'width'>): FlagForm =>
  flagForm.firstOrigin + kinds.indexOf(kind) * widths.length + widths.indexOf(width);

/** Locals of the flags, made when they are first needed. */
export class FlagLocals {
  readonly #e: WasmEmitter;
  readonly #known = new Map<string, number>();

  constructor(e: WasmEmitter) {
    this.#e = e;
  }

  /** The words, an operand (`a32`, `a64`, `b32`, `b64`), the carry of INC and DEC, or the kind. */
  local(name: 'zero' | 'sign' | 'carry' | 'a32' | 'b32' | 'a64' | 'b64' | 'cf' | 'kind'): number {
    let local = this.#known.get(name);
    if (local === undefined) {
      local = this.#e.body.local(name.endsWith('32') || name === 'kind' ? 'i32' : 'i64');
      this.#known.set(name, local);
    }
    return local;
  }

  /** The form of dynamic flags. */
  kind(): Val {
    return asVal(Value.local('i32', this.local('kind')));
  }

  setOrigin(origin: FlagOrigin): void {
    const size = origin.width === 64 ? '64' : '32';
    const set = (name: 'a32' | 'b32' | 'a64' | 'b64' | 'cf', value: Val): void => {
      this.#e.push(value);
      this.#e.body.set(this.local(name));
    };
    switch (origin.kind) {
      case 'sum':
      case 'difference':
        this.#e.push(origin.b, origin.a);
        this.#e.body.set(this.local(`a${size}`)).set(this.local(`b${size}`));
        return;
      case 'logic':
        set(`a${size}`, origin.result);
        return;
      default:
        this.#e.push(origin.result, origin.carry);
        this.#e.body.set(this.local('cf')).set(this.local(`a${size}`));
    }
  }

  /** The flags of a form that stands for an origin. */
  ofOrigin(form: FlagForm): FlagVals {
    const at = form - flagForm.firstOrigin;
    const kind = kinds[Math.floor(at / widths.length)] as FlagOrigin['kind'];
    const width = widths[at % widths.length] as Width;
    const type = width === 64 ? 'i64' : 'i32';
    const size = width === 64 ? '64' : '32';
    const a = this.#val(type, `a${size}`);
    if (kind === 'logic') return flagsOf(this.#e, { kind, width, result: a });
    if (kind === 'sum' || kind === 'difference') {
      return flagsOf(this.#e, { kind, width, a, b: this.#val(type, `b${size}`) });
    }
    return flagsOf(this.#e, { kind, width, result: a, carry: this.#val('i64', 'cf') });
  }

  words(): FlagVals {
    return { zero: this.#val('i64', 'zero'), sign: this.#val('i64', 'sign'), carry: this.#val('i64', 'carry') };
  }

  setWords({ zero, sign, carry }: FlagVals): void {
    this.#e.push(zero, sign, carry);
    this.#e.body.set(this.local('carry')).set(this.local('sign')).set(this.local('zero'));
  }

  #val(type: 'i32' | 'i64', name: Parameters<FlagLocals['local']>[0]): Val {
    return asVal(Value.local(type, this.local(name)));
  }
}
