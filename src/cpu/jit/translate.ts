import { exit } from '../interpreter/index.ts';
import { WasmEmitter } from '../isa/index.ts';
import { emitInstruction } from '../isa/x86/index.ts';
import type { FunctionBody, WasmType } from '../wasm/index.ts';
import { RegionFrame } from './frame.ts';
import type { PlacedInstruction, Region, RegionBlock } from './region.ts';
import { type Structure, structureOf } from './structure.ts';
import { JitTarget, type RegionImports } from './target.ts';
import { usageOf } from './usage.ts';

export const regionParams: readonly WasmType[] = ['i32', 'i32'];
const vectorGeneralProtection = 13;

/** Writes a region as the body of one function. `mode` is the mode key of its code. */
export function translateRegion(body: FunctionBody, region: Region, mode: number, imports: RegionImports): void {
  const structure = structureOf({ successors: region.blocks.map(successors) });
  new RegionWriter(body, region, structure, mode, imports).write();
}

const successors = ({ taken, next }: RegionBlock): number[] => [taken, next].filter((edge) => edge !== undefined);

class RegionWriter {
  readonly #body: FunctionBody;
  readonly #e: WasmEmitter;
  readonly #region: Region;
  readonly #structure: Structure;
  readonly #imports: RegionImports;
  readonly #frame: RegionFrame;
  readonly #target: JitTarget;
  /** Depth of the Wasm block or loop that a branch to a node means. */
  readonly #labels = new Map<number, number>();

  constructor(body: FunctionBody, region: Region, structure: Structure, mode: number, imports: RegionImports) {
    this.#body = body;
    this.#e = new WasmEmitter(body);
    this.#region = region;
    this.#structure = structure;
    this.#imports = imports;
    this.#frame = new RegionFrame(this.#e, usageOf(region));
    this.#e.branches = this.#frame;
    this.#target = new JitTarget(this.#e, this.#frame, imports, mode);
  }

  write(): void {
    this.#frame.enter();
    this.#tree(0);
    this.#frame.finish(this.#imports.lookup);
  }

  /** A node and everything that it dominates. */
  #tree(node: number): void {
    const merges = this.#structure.merges[node] ?? [];
    if (!this.#structure.isLoopHeader[node]) {
      this.#within(node, merges);
      return;
    }
    // Branches forward to a header went to a block that is closed by now: from here on its label is the loop.
    this.#body.loop();
    this.#labels.set(node, this.#body.depth);
    this.#frame.forgetFlags();
    this.#within(node, merges);
    this.#labels.delete(node);
    this.#body.unreachable().end();
  }

  #within(node: number, merges: readonly number[]): void {
    const [last, ...rest] = merges;
    if (last === undefined) {
      this.#block(node);
      return;
    }
    this.#body.block();
    this.#labels.set(last, this.#body.depth);
    this.#within(node, rest);
    this.#body.unreachable().end();
    this.#labels.delete(last);
    this.#frame.forgetFlags();
    this.#tree(last);
  }

  #block(node: number): void {
    const { instructions, end, next } = this.#region.blocks[node] as RegionBlock;
    for (const [done, placed] of instructions.entries()) {
      if (this.#instruction(node, placed, done)) return;
    }
    this.#edge(node, next, end, instructions.length);
  }

  /** True when the flow does not go on behind it. */
  #instruction(node: number, placed: PlacedInstruction, done: number): boolean {
    const { instruction, pageOffset } = placed;
    const { taken, next } = this.#region.blocks[node] as RegionBlock;
    const behind = pageOffset + instruction.length;
    const flow = {
      taken: () => this.#edge(node, taken, behind + instruction.relative, done + 1, true),
      next: () => this.#edge(node, next, behind, done + 1),
    };
    const { variant } = instruction;
    this.#target.begin({ instruction, pageOffset, done, flow }, variant?.shape ?? this.#target.shape);
    if (!variant) {
      const vector = instruction.fault ?? 6;
      this.#target.raise(vector, vector === vectorGeneralProtection ? 0 : -1);
      return true;
    }
    const { results } = emitInstruction(this.#e, this.#target, variant);
    if (variant.row.ends) {
      if (results > 0) this.#target.jump(this.#target.nextRip());
      return true;
    }
    if (this.#target.mayHaveStored) this.#frame.whenStale(() => this.#target.leaveFor(behind, done + 1));
    return false;
  }

  /** From the end of a block to another, or out of the region. */
  #edge(from: number, to: number | undefined, pageOffset: number, executed: number, isTaken = false): void {
    if (to === undefined) {
      this.#target.leaveFor(pageOffset, executed, isTaken);
      return;
    }
    const { order, isMerge } = this.#structure;
    this.#frame.charge(executed);
    const rip = () => this.#target.ripOf(this.#region.blocks[to]?.instructions[0]?.pageOffset ?? 0);
    if (this.#structure.isIrreducible(from, to)) {
      this.#frame.leave(exit.lookup, rip());
    } else if ((order[to] as number) <= (order[from] as number)) {
      this.#frame.leaveOnAttention(rip);
      this.#body.br(this.#body.depth - (this.#labels.get(to) as number));
    } else if (isMerge[to]) {
      this.#body.br(this.#body.depth - (this.#labels.get(to) as number));
    } else this.#tree(to);
  }
}
