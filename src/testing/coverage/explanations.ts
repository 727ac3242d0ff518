/** Why forms have no outside witness. Short, and each line is one that no program of ours can change. */
import type { Form } from './forms.ts';

interface Explanation {
  readonly reason: string;
  readonly covers: (form: Form) => boolean;
}

const named =
  (names: string) =>
  ({ row }: Form): boolean =>
    names.split(' ').includes(row.name);

export const explanations: readonly Explanation[] = [
  {
    reason: "QEMU 7.2's software mode does not have it, and no program of a host may run it",
    covers: named('invpcid xsaves xrstors'),
  },
  {
    reason: "QEMU 7.2's software mode does not have it, and no host runs programs of 16 bits",
    covers: ({ row, id }) => row.name === 'xsavec' && / 16 /.test(id),
  },
  { reason: "QEMU 7.2's software mode does not have it, and its results are random", covers: named('rdseed') },
  {
    reason: 'no performance counters: it raises #GP, where QEMU raises #UD',
    covers: named('rdpmc'),
  },
  {
    reason: "a call of KVM's, which QEMU's software mode does not answer: guests use it after they found KVM",
    covers: named('vmcall vmmcall'),
  },
  {
    reason: 'QEMU raises #UD instead of #DB, and no host runs programs in this mode',
    covers: ({ row, mode }) => row.name === 'int1' && (mode === 'real' || mode === 'virtual-8086'),
  },
  {
    reason: 'QEMU takes a VEX prefix in a 16-bit segment for LES or LDS, and no host runs one',
    covers: ({ row, id }) => /^vpcmpestr[im]$/.test(row.name) && / 16 /.test(id),
  },
  {
    reason: 'QEMU reads an offset of 32 bits as AMD does, and programs of a host have no other stack segment',
    covers: ({ id }) => id === 'lss (0F B2) 64 r64,m:10 long',
  },
];

/** Why a form has no witness; undefined: it should have one. */
export const explanationOf = (form: Form): string | undefined =>
  explanations.find(({ covers }) => covers(form))?.reason;
