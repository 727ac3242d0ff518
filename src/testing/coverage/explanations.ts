/** Why forms have no outside witness. Short, and each line is one that no program of ours can change. */
import type { Form } from './forms.ts';

interface Explanation {
  readonly reason: string;
  /** Names of rows. */
  readonly names: readonly string[];
}

export const explanations: readonly Explanation[] = [
  {
    reason: 'processors differ in the bits of these approximations: the error bound is tested',
    names: ['rcpps', 'rcpss', 'rsqrtps', 'rsqrtss', 'vrcpps', 'vrcpss', 'vrsqrtps', 'vrsqrtss'],
  },
  { reason: "QEMU 7.2's software mode has no INVPCID, and a host's kernel lets no program run it", names: ['invpcid'] },
];

/** Why a form has no witness; undefined: it should have one. */
export const explanationOf = ({ row }: Form): string | undefined =>
  explanations.find(({ names }) => names.includes(row.name))?.reason;
