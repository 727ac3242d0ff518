import { asVal, type Val, Value, WasmEmitter } from '../isa/index.ts';
import {
  emitInstruction,
  emitSecondProbe,
  emitSegmentAddress,
  emitTlbEntry,
  flagForm,
  flagsOfForm,
  flagWords,
  layout,
  noLookupKey,
  noStackPage,
  originForms,
  type Shape,
  type SharedScope,
  segment,
  sharedFunction,
  sharedFunctions,
  takeResults,
  tlb,
  type Variant,
} from '../isa/x86/index.ts';
import { type FunctionBody, ModuleBuilder, type WasmType } from '../wasm/index.ts';
import type { CoreFunctions } from './core-functions.ts';
import { type HandlerTable, handlerVariants, type SpecialHandler, specialHandlers } from './handler-table.ts';
import { exit, jumpCache, maximumFrames, pointOffsetShift, record, targetCache } from './record.ts';
import { InterpreterTarget } from './target.ts';
import { emitTargetProbe, lookupKeyOf, targetSlot } from './target-cache.ts';

export const handlerParams: readonly WasmType[] = ['i32', 'i32', 'i32'];
/** (low, high, size, kind) -> as X86Cpu.slowAccess. */
export const slowAccessParams: readonly WasmType[] = ['i32', 'i32', 'i32', 'i32'];
const lookupParams: readonly WasmType[] = ['i64', 'i32', 'i32'];
export const handlerResult: readonly WasmType[] = ['i32'];
/** Room in the function table for translated regions, behind the handlers. */
export const regionSlots = 16384;
const plainShape: Shape = { width: 64, code: 64, stack: 'rsp' };

/**
 * The interpreter's one module. Imports: `env.memory`, `env.slowAccess`, `env.flushBounce`, `env.raise` and
 * `helper.NAME` for each helper that an instruction calls. Exports, besides `slowAccess` for the further handlers: `run(record, budget)`, an `exit` code; for
 * translated regions `lookup(rip, budget, frames)`, `access`, `stackAccess`, `afterWrite`, `settleFlags` and the function `table`: handlers, then the helpers in the
 * order of `names`, the shared functions, then room for further handlers (see further-module.ts) and for regions.
 */
export function generateInterpreter(table: HandlerTable, names: readonly string[]): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 65536);
  const handlerType = module.type(handlerParams, handlerResult);
  const missed = module.importFunction('env', 'slowAccess', slowAccessParams, ['i32']);
  const imports = {
    flushBounce: module.importFunction('env', 'flushBounce', [], []),
    raise: module.importFunction('env', 'raise', ['i32', 'i32'], []),
  };
  const helpers = new Map<string, number>();
  for (const name of names) helpers.set(name, module.importFunction('helper', name, ['i32', 'i32', 'i32'], ['i32']));
  const helper = (name: string): number => {
    const index = helpers.get(name);
    if (index === undefined) throw new RangeError(`Cannot generate the interpreter: there is no helper "${name}"`);
    return index;
  };
  const settleFlags = module.define([], [], emitSettleFlags, 'settleFlags');
  const sharedIndices = defineShared(module, helper);
  const calls = {
    callHelper: (body: FunctionBody, name: string): void => void body.call(helper(name)),
    callShared: (body: FunctionBody, name: string): void => void body.call(sharedIndices.get(name) ?? 0),
  };
  const probe = (b: FunctionBody): void => emitSecondProbe(b, missed);
  const slowAccess = module.define(slowAccessParams, handlerResult, probe, 'slowAccess');
  const partial = { handlerType, lookup: 0, lookupSlowly: 0, settleFlags, ...calls, slowAccess, ...imports };
  const { firstRegion } = table;
  const slow = (body: FunctionBody): void => emitLookup(body, partial, firstRegion);
  const lookupSlowly = module.define(lookupParams, handlerResult, slow);
  const fast = (body: FunctionBody): void => emitTargetLookup(body, { ...partial, lookupSlowly }, firstRegion);
  const lookup = module.define(lookupParams, handlerResult, fast, 'lookup');
  const core: CoreFunctions = { ...partial, lookup, lookupSlowly };

  const functions = [
    ...specialHandlers.map((name) => module.define(handlerParams, handlerResult, (b) => emitSpecial(b, core, name))),
    ...handlerVariants().map((variant) =>
      module.define(handlerParams, handlerResult, (b) => emitVariant(b, core, variant)),
    ),
  ];
  const elements = [...functions, ...names.map((name) => helper(name)), ...sharedIndices.values()];
  module.setTable(elements, firstRegion + regionSlots, 'table');
  module.define(['i64', 'i32', 'i32'], handlerResult, (body) => emitAccess(body, core), 'access');
  module.define(
    ['i64', 'i32', 'i32'],
    handlerResult,
    (b) => emitStackAccess(b, { ...core, slowAccess: missed }),
    'stackAccess',
  );
  module.define(['i32'], handlerResult, (body) => emitAfterWrite(body, core), 'afterWrite');
  module.define(['i32', 'i32'], handlerResult, (body) => emitRun(body, core), 'run');
  return module.encode();
}

/** Writes the shared functions; their indices by name. */
function defineShared(module: ModuleBuilder, helper: (name: string) => number): Map<string, number> {
  const indices = new Map<string, number>();
  for (const [name, { params, results, emit }] of Object.entries(sharedFunctions)) {
    const write = (body: FunctionBody): void => {
      const e = new WasmEmitter(body);
      const scope: SharedScope = {
        call: (callee, ...args) => {
          e.push(...args);
          body.call(indices.get(callee) ?? 0);
          return takeResults(e, sharedFunction(callee));
        },
        helper: (callee, ...args) => {
          e.push(...[...args, e.i32(0), e.i32(0), e.i32(0)].slice(0, 3));
          body.call(helper(callee));
          return e.pop('i32');
        },
      };
      e.push(...emit(e, scope, ...params.map((type, i) => asVal(Value.local(type, i)))));
    };
    indices.set(name, module.define(params, results, write));
  }
  return indices;
}

/**
 * A translated region's slow memory access: (linear, point, size | kind << 8) -> where to do it, 0: it faults. The upper bits
 * of the point are the offset of the instruction from the code page.
 */
function emitAccess(body: FunctionBody, { slowAccess }: CoreFunctions): void {
  const e = new WasmEmitter(body);
  const linear = asVal(Value.local('i64', 0));
  const point = asVal(Value.local('i32', 1));
  const packed = asVal(Value.local('i32', 2));
  const offset = e.op('i64.extend_i32_s', e.op('i32.shr_s', point, e.i32(pointOffsetShift)));
  const rip = e.op('i64.add', e.loadMemory('i64.load', e.i32(0), layout.codePage), offset);
  const wrapped = e.op('i64.and', rip, e.loadMemory('i64.load', e.i32(0), layout.addressMask));
  e.storeMemory('i64.store', e.i32(0), layout.rip, wrapped);
  const high = e.op('i32.wrap_i64', e.op('i64.shr_u', linear, e.i64(32n)));
  const size = e.op('i32.and', packed, e.i32(0xff));
  e.push(e.op('i32.wrap_i64', linear), high, size, e.op('i32.shr_u', packed, e.i32(8)));
  body.call(slowAccess);
}

/**
 * The same for an access to the stack, whose page translated code remembers while it may be written: only the first entry of
 * a page counts for that, so a miss goes where that is filled.
 */
function emitStackAccess(body: FunctionBody, core: CoreFunctions): void {
  const e = new WasmEmitter(body);
  const linear = asVal(Value.local('i64', 0));
  const page = e.op('i64.and', linear, e.i64(-4096n));
  const entry = emitTlbEntry(e, e.loadMemory('i32.load', e.i32(0), layout.tlbBank), linear);
  const remember = (): void => {
    const isWritable = e.op('i64.eq', page, e.loadMemory('i64.load', entry, tlb.writeTag));
    const remembered = e.select(isWritable, page, e.i64(noStackPage));
    e.storeMemory('i64.store', e.i32(0), layout.stackPage, remembered);
    e.storeMemory('i32.store', e.i32(0), layout.stackAddend, e.loadMemory('i32.load', entry, tlb.addend));
  };
  const size = e.op('i64.extend_i32_u', e.op('i32.and', asVal(Value.local('i32', 2)), e.i32(0xff)));
  const last = e.op('i64.sub', e.op('i64.add', linear, size), e.i64(1n));
  const isInPage = e.op('i64.eq', e.op('i64.and', last, e.i64(-4096n)), page);
  const isWritable = e.op('i64.eq', page, e.loadMemory('i64.load', entry, tlb.writeTag));
  e.when(e.op('i32.and', isInPage, isWritable), () => {
    remember();
    e.push(e.op('i32.add', e.op('i32.wrap_i64', linear), e.loadMemory('i32.load', entry, tlb.addend)));
    body.return();
  });
  emitAccess(body, core);
  const host = e.pop('i32');
  remember();
  e.push(host);
}

/** The flags of translated code, by their form, as words. */
function emitSettleFlags(body: FunctionBody): void {
  const e = new WasmEmitter(body);
  const load = (type: 'i32' | 'i64', offset: number): Val => e.loadMemory(`${type}.load`, e.i32(0), offset);
  const operand = (offset: number) => (width: number) => load(width === 64 ? 'i64' : 'i32', offset);
  const form = load('i32', layout.flagForm);
  e.when(e.op('i32.eqz', form), () => void body.return());
  e.storeMemory('i32.store', e.i32(0), layout.flagForm, e.i32(flagForm.words));
  for (const known of originForms) {
    e.when(e.op('i32.eq', form, e.i32(known)), () => {
      const operands = { a: operand(layout.flagA), b: operand(layout.flagB), carry: () => load('i64', layout.flagB) };
      const { zero, sign, carry } = flagWords(flagsOfForm(e, known, operands));
      e.storeMemory('i64.store', e.i32(0), layout.flagZero, zero);
      e.storeMemory('i64.store', e.i32(0), layout.flagSign, sign);
      e.storeMemory('i64.store', e.i32(0), layout.flagCarry, carry);
      body.return();
    });
  }
}

/** After a translated region's slow write, done at an address: carries it on; whether translated code was dropped. */
function emitAfterWrite(body: FunctionBody, { flushBounce }: CoreFunctions): void {
  const e = new WasmEmitter(body);
  e.push(e.op('i32.eq', asVal(Value.local('i32', 0)), e.i32(layout.bounce)));
  body.if().call(flushBounce).end();
  body.i32(0).memory('i32.load', layout.codeDropped);
}

/** Enters generated code, and again for as long as the guest only returns to where nobody in there called it from. */
function emitRun(body: FunctionBody, { handlerType, lookup, settleFlags }: CoreFunctions): void {
  const result = body.local('i32');
  body.get(0).get(1).i32(maximumFrames).get(0).memory('i32.load16_u', record.handler).callIndirect(handlerType);
  body.set(result).loop();
  body.get(result).if();
  body.i32(0).memory('i64.load', layout.rip).get(result).i32(maximumFrames).call(lookup).set(result).br(1);
  body.end().end();
  body.call(settleFlags);
  body.i32(0).memory('i32.load', layout.exitCode);
}

export function emitVariant(body: FunctionBody, core: CoreFunctions, variant: Variant): void {
  const e = new WasmEmitter(body);
  const x = new InterpreterTarget(e, core, variant.shape);
  const { results } = emitInstruction(e, x, variant);
  if (!variant.row.ends) x.flow.dispatchNext();
  else if (results > 0) x.jump(x.nextRip());
}

function emitSpecial(body: FunctionBody, core: CoreFunctions, name: SpecialHandler): void {
  const e = new WasmEmitter(body);
  specials[name](e, new InterpreterTarget(e, core, plainShape));
}

/** A handler that computes the address temporary. */
const addressing =
  (compute: (e: WasmEmitter, x: InterpreterTarget) => Val) =>
  (e: WasmEmitter, x: InterpreterTarget): void => {
    x.setState('i64', layout.ea, compute(e, x));
    x.flow.dispatchNext();
  };

const specials: Readonly<Record<SpecialHandler, (e: WasmEmitter, x: InterpreterTarget) => void>> = {
  fault: (_e, x) => x.raiseWith(x.field('r1'), x.record.displacement32()),
  continue: (_e, x) => x.jumpRelative(),
  resynchronize: (_e, x) => x.flow.resynchronize(),
  crossing: (e, x) => emitCrossing(e, x),
  address: addressing((e, x) => plusSegment(e, x, x.wrapAddress(indexedAddress(e, x)))),
  address32: addressing((e, x) => plusSegment(e, x, e.op('i64.and', indexedAddress(e, x), e.i64(0xffffffffn)))),
  address16: addressing((e, x) => e.op('i64.and', indexedAddress(e, x), e.i64(0xffffn))),
  addressSegment: (e, x) => emitSegmented(e, x),
  addressDirect: addressing((e, x) => plusSegment(e, x, x.immediate(64, true))),
  count: (e, x) => emitCount(e, x),
};

function emitCount(e: WasmEmitter, x: InterpreterTarget): void {
  const left = e.op('i32.sub', x.immediate(32, false), e.i32(1));
  x.record.setImmediate(left);
  e.when(e.op('i32.eqz', left), () => x.flow.leaveHot());
  x.flow.dispatchNext();
}

/** Base r3, index r1, scale in the low bits of the immediate, displacement. */
function indexedAddress(e: WasmEmitter, x: InterpreterTarget): Val {
  const base = x.registerAt(64, x.field('r3'));
  const scale = e.op('i64.and', x.immediate(64, false), e.i64(3n));
  const index = e.op('i64.shl', x.registerAt(64, x.field('r1')), scale);
  return e.op('i64.add', e.op('i64.add', base, index), x.record.displacement());
}

/** r2: the offset in the state of a segment base, or of the zero word. */
const plusSegment = (e: WasmEmitter, x: InterpreterTarget, address: Val): Val =>
  e.op('i64.add', address, x.registerAt(64, x.field('r2')));

/** Immediate: scale in bits 0-1, 16-bit addresses in bit 2, access kind in bits 8-15, size from bit 16; r2: segment number. */
function emitSegmented(e: WasmEmitter, x: InterpreterTarget): void {
  const immediate = x.immediate(32, false);
  const is16 = e.op('i32.and', immediate, e.i32(4));
  const offset = e.op('i32.wrap_i64', indexedAddress(e, x));
  const wrapped = e.select(is16, e.op('i32.and', offset, e.i32(0xffff)), offset);
  const linear = emitSegmentAddress(e, x, {
    number: x.field('r2'),
    kind: e.op('i32.and', e.op('i32.shr_u', immediate, e.i32(8)), e.i32(0xff)),
    bytes: e.op('i32.shr_u', immediate, e.i32(16)),
    offset: e.op('i64.extend_i32_u', wrapped),
  });
  x.setState('i64', layout.ea, linear);
  x.flow.dispatchNext();
}

/** Immediate: linear-memory address of the second page when the instruction was decoded. */
function emitCrossing(e: WasmEmitter, x: InterpreterTarget): void {
  const codeBase = e.op(
    'i64.add',
    x.state('i64', layout.codePage),
    x.state('i64', layout.segmentBase + 8 * segment.cs),
  );
  const page = x.wrapAddress(e.op('i64.add', codeBase, e.i64(4096n)));
  const entry = tlbEntry(e, x, page);
  const host = e.op('i32.add', e.op('i32.wrap_i64', page), e.loadMemory('i32.load', entry, tlb.addend));
  const isMapped = e.op('i64.eq', page, e.loadMemory('i64.load', entry, tlb.executeTag));
  const isSame = e.op('i32.and', isMapped, e.op('i32.eq', host, x.immediate(32, false)));
  e.when(e.op('i32.eqz', isSame), () => {
    x.record.storeRip();
    x.setState('i32', layout.exitRecord, asVal(Value.local('i32', 0)));
    x.flow.leave(exit.crossing);
  });
  x.flow.dispatchNext();
}

function tlbEntry(e: WasmEmitter, x: InterpreterTarget, linear: Val): Val {
  return emitTlbEntry(e, x.state('i32', layout.tlbBank), linear);
}

/** Goes on at a RIP by the target cache. */
function emitTargetLookup(body: FunctionBody, core: CoreFunctions, firstRegion: number): void {
  const e = new WasmEmitter(body);
  const x = new InterpreterTarget(e, core, plainShape);
  const rip = asVal(Value.local('i64', 0));
  emitTargetProbe(e, rip, (found) => {
    x.setState('i64', layout.codePage, e.op('i64.and', rip, e.i64(-4096n)));
    x.flow.dispatchAny(found, firstRegion);
  });
  body.get(0).get(1).get(2).returnCall(core.lookupSlowly);
}

/** Goes on at a RIP: fetch TLB, then the jump cache; whatever misses is left to TypeScript. */
function emitLookup(body: FunctionBody, core: CoreFunctions, firstRegion: number): void {
  const e = new WasmEmitter(body);
  const x = new InterpreterTarget(e, core, plainShape);
  const rip = asVal(Value.local('i64', 0));
  const miss = (): void => {
    x.setState('i64', layout.rip, rip);
    x.flow.leave(exit.lookup);
  };
  e.when(e.op('i64.gt_u', rip, x.state('i64', layout.codeLimit)), miss);
  const linear = x.wrapAddress(e.op('i64.add', rip, x.state('i64', layout.segmentBase + 8 * segment.cs)));
  const entry = tlbEntry(e, x, linear);
  const page = e.op('i64.and', linear, e.i64(-4096n));
  e.when(e.op('i64.ne', page, e.loadMemory('i64.load', entry, tlb.executeTag)), miss);
  const address = e.op('i32.add', e.op('i32.wrap_i64', linear), e.loadMemory('i32.load', entry, tlb.addend));
  const hash = e.op('i32.xor', address, e.op('i32.shr_u', address, e.i32(13)));
  const slot = e.op('i32.mul', e.op('i32.and', hash, e.i32(jumpCache.entries - 1)), e.i32(jumpCache.entryBytes));
  const cached = (offset: number): Val => e.loadMemory('i32.load', slot, layout.jumpCache + offset);
  e.when(e.op('i32.ne', cached(jumpCache.address), address), miss);
  e.when(e.op('i32.ne', cached(jumpCache.mode), x.state('i32', layout.modeKey)), miss);
  x.setState('i64', layout.codePage, e.op('i64.sub', rip, e.op('i64.and', linear, e.i64(4095n))));
  const found = cached(jumpCache.record);
  const key = lookupKeyOf(e, rip);
  e.when(e.op('i32.ne', key, e.i32(noLookupKey)), () => {
    const at = targetSlot(e, rip);
    e.storeMemory('i64.store', at, layout.targetCache + targetCache.rip, rip);
    e.storeMemory('i32.store', at, layout.targetCache + targetCache.key, key);
    e.storeMemory('i32.store', at, layout.targetCache + targetCache.record, found);
  });
  x.flow.dispatchAny(found, firstRegion);
}
