import { exit } from '../interpreter/index.ts';
import { asVal, type Val, Value, type WasmEmitter } from '../isa/index.ts';
import { layout } from '../isa/x86/index.ts';
import { type Link, parameter, type RegionExits } from './exits.ts';
import type { RegionFrame } from './frame.ts';
import type { RegionImports } from './imports.ts';
import type { RegionMemory } from './memory.ts';
import type { InlinedTarget, InstructionFlow, KnownTarget, RegionPlace } from './position.ts';
import { emitCallProfile } from './profile.ts';

/** The call that is being translated, and what its target does for it. */
export interface RunningCall {
  /** Instructions of its path, itself included. */
  readonly done: number;
  readonly inlined: readonly InlinedTarget[];
  ripAt(offset: number): Val;
  nextRip(): Val;
  charge(instructions: number): void;
  /** Writes code that comes behind; this instruction goes on afterwards with what it knew. */
  follow(go: (flow: InstructionFlow) => void): void;
}

export interface CallParts {
  readonly e: WasmEmitter;
  readonly frame: RegionFrame;
  readonly exits: RegionExits;
  readonly imports: RegionImports;
  readonly memory: RegionMemory;
}

/** Calls of guest code: in a copy of the callee that the region has, or as calls in Wasm. */
export class RegionCalls {
  readonly #e: WasmEmitter;
  readonly #frame: RegionFrame;
  readonly #exits: RegionExits;
  readonly #imports: RegionImports;
  readonly #memory: RegionMemory;
  readonly #slot: number;
  readonly #isFinal: boolean;

  constructor(
    { e, frame, exits, imports, memory }: CallParts,
    { slot, isFinal = false }: Pick<RegionPlace, 'slot' | 'isFinal'>,
  ) {
    this.#e = e;
    this.#frame = frame;
    this.#exits = exits;
    this.#imports = imports;
    this.#memory = memory;
    this.#slot = slot;
    this.#isFinal = isFinal;
  }

  /** To wherever `target` is; known callees are tried first. */
  indirect(call: RunningCall, target: Val): void {
    const e = this.#e;
    for (const callee of call.inlined) {
      const isIt = e.op('i64.eq', target, call.ripAt(callee.offset));
      e.push(callee.isFar ? e.op('i32.and', isIt, e.op('i32.eqz', this.#exits.isUnlinked())) : isIt);
      e.body.if();
      this.#memory.apart(() => this.#inline(call, callee));
      e.body.end();
    }
    this.#count(target);
    this.#make(call, target, undefined);
  }

  /** To code that is known; `link`: how it is found without a look-up. */
  direct(call: RunningCall, target: Val, link: Link | undefined): void {
    const [callee] = call.inlined;
    if (!callee) {
      this.#count(undefined);
      this.#make(call, target, link);
      return;
    }
    if (callee.isFar) {
      const { state } = this.#frame;
      this.#e.push(this.#exits.isUnlinked());
      this.#e.body.hint(false).if();
      this.#exits.countMiss();
      this.#memory.apart(() => this.#make(call, target, undefined));
      this.#e.body.end();
      this.#frame.state = state;
    }
    this.#inline(call, callee);
  }

  /** Until the region has its copies of callees. */
  #count(target: Val | undefined): void {
    if (!this.#isFinal) emitCallProfile(this.#e, this.#slot, target, this.#imports);
  }

  /** Goes on in the copy of a callee, once what the call has pushed is looked after. */
  #inline({ done, follow }: RunningCall, { offset, go }: KnownTarget): void {
    this.#memory.finish(() => this.#exits.rare(exit.lookup, offset, done));
    follow(() => go());
  }

  #make(call: RunningCall, target: Val, link: Link | undefined): void {
    const e = this.#e;
    const behind = call.nextRip();
    const epoch = this.#state('i32', layout.fetchEpoch);
    this.#memory.settle();
    this.#frame.spill();
    call.charge(call.done);
    const frames = asVal(Value.local('i32', parameter.frames));
    e.push(frames);
    e.body.hint(true).if().else();
    this.#exits.leave(target);
    e.body.end();
    this.#exits.call(target, e.op('i32.sub', frames, e.i32(1)), link);
    const result = e.pop('i32');
    const isElsewhere = e.op('i64.ne', this.#state('i64', layout.rip), behind);
    const isOther = e.op('i32.or', isElsewhere, e.op('i32.ne', this.#state('i32', layout.fetchEpoch), epoch));
    e.push(e.op('i32.or', e.op('i32.eqz', result), isOther));
    e.body.hint(false).if();
    e.push(result);
    e.body.return().end();
    e.push(result);
    e.body.set(parameter.budget);
    e.storeMemory('i64.store', e.i32(0), layout.codePage, this.#frame.codePage());
    this.#frame.forget('call');
    call.follow((flow) => flow.returned());
  }

  #state(type: 'i32' | 'i64', offset: number): Val {
    return this.#e.loadMemory(`${type}.load`, this.#e.i32(0), offset);
  }
}
