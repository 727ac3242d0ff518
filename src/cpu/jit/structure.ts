/**
 * The shape of a region's control flow: order, dominators, loops and merges, as Norman Ramsey's "Beyond Relooper"
 * (ICFP 2022) needs them to write structured code.
 */
export interface FlowGraph {
  /** Successors of each node; node 0 is the entry. */
  readonly successors: readonly (readonly number[])[];
}

export interface Structure {
  /** Position in reverse postorder; -1 for nodes that cannot be reached. */
  readonly order: readonly number[];
  /** Children in the dominator tree that are merge nodes, last in order first. */
  readonly merges: readonly (readonly number[])[];
  readonly isMerge: readonly boolean[];
  readonly isLoopHeader: readonly boolean[];
  /** True when an edge goes backwards to a node that does not dominate its source: it cannot be structured. */
  isIrreducible(from: number, to: number): boolean;
}

export function structureOf({ successors }: FlowGraph): Structure {
  const count = successors.length;
  const sequence = reversePostorder(successors);
  const order = new Array<number>(count).fill(-1);
  for (const [position, node] of sequence.entries()) order[node] = position;
  const predecessors = predecessorsOf(successors, order);
  const dominator = immediateDominators(sequence, order, predecessors);
  const dominates = (a: number, b: number): boolean => {
    for (let node = b; ; node = dominator[node] as number) {
      if (node === a) return true;
      if (node === 0) return false;
    }
  };
  const position = (node: number): number => order[node] as number;
  const isBackward = (from: number, to: number): boolean => position(to) <= position(from);
  const isLoopHeader = new Array<boolean>(count).fill(false);
  const isMerge = new Array<boolean>(count).fill(false);
  for (const node of sequence) {
    const into = predecessors[node] ?? [];
    isLoopHeader[node] = into.some((from) => isBackward(from, node) && dominates(node, from));
    isMerge[node] = into.filter((from) => !isBackward(from, node)).length > 1;
  }
  const merges: number[][] = Array.from({ length: count }, () => []);
  for (const node of [...sequence].reverse()) {
    if (node !== 0 && isMerge[node]) merges[dominator[node] as number]?.push(node);
  }
  return {
    order,
    merges,
    isMerge,
    isLoopHeader,
    isIrreducible: (from, to) => isBackward(from, to) && !dominates(to, from),
  };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Set<number>([0]);
  const sequence: number[] = [];
  const path: { node: number; at: number }[] = [{ node: 0, at: 0 }];
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const next = successors[top.node]?.[top.at++];
    if (next === undefined) {
      sequence.push(top.node);
      path.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      path.push({ node: next, at: 0 });
    }
  }
  return sequence.reverse();
}

/** Each edge counts: a branch whose two ways meet at once makes a merge. */
function predecessorsOf(successors: readonly (readonly number[])[], order: readonly number[]): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  for (const [from, targets] of successors.entries()) {
    if (order[from] === -1) continue;
    for (const to of targets) predecessors[to]?.push(from);
  }
  return predecessors;
}

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
function immediateDominators(
  sequence: readonly number[],
  order: readonly number[],
  predecessors: number[][],
): number[] {
  const dominator: number[] = [0];
  const meet = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      while ((order[x] as number) > (order[y] as number)) x = dominator[x] as number;
      while ((order[y] as number) > (order[x] as number)) y = dominator[y] as number;
    }
    return x;
  };
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const node of sequence.slice(1)) {
      const known = (predecessors[node] ?? []).filter((from) => dominator[from] !== undefined);
      const next = known.reduce((a, b) => meet(a, b));
      if (dominator[node] !== next) {
        dominator[node] = next;
        isChanged = true;
      }
    }
  }
  return dominator;
}
