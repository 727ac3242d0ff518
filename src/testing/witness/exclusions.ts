/** Rows that programs cannot witness, by name, with the reason. */
export const exclusions: Readonly<Record<string, string>> = {
  ...because('the host answers in its own way', 'cpuid rdtsc rdtscp rdpmc rdrand rdseed xgetbv vmcall vmmcall'),
  ...because('it enters the host kernel', 'syscall sysenter'),
  ...because('the host kernel stands in for it (UMIP)', 'sgdt sidt sldt str smsw'),
  ...because(
    'it needs descriptors and gates of our own: tested with guest programs',
    'jmp_far call_far jmp_far_indirect call_far_indirect ret_far iret',
  ),
  ...because('it changes the stack segment', 'lss'),
  ...because(
    'what it leaves out is up to the processor, or no program may run it: tested with programs of our own',
    'xsaveopt xsaves xrstors xsetbv',
  ),
  ...because('approximations differ between processors', 'rcpps rcpss rsqrtps rsqrtss vrcpps vrcpss vrsqrtps vrsqrtss'),
  ...because('the x87 unit has a witness of its own', 'fnsave frstor fnstenv fldenv fxsave fxrstor'),
};

function because(reason: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, reason]));
}
