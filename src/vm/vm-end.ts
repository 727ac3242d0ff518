/** Why a VM has ended. */
export type VmEnd =
  | { readonly kind: 'power-off' }
  /** The guest asked for a reset of the machine; a VM is not started again by itself. */
  | { readonly kind: 'reset' }
  /** The guest wrote to the debug-exit port. */
  | { readonly kind: 'debug-exit'; readonly status: number }
  | { readonly kind: 'triple-fault'; readonly registers: string }
  /** The guest's kernel said so on its console and went no further. */
  | { readonly kind: 'panic'; readonly message: string }
  | { readonly kind: 'timeout'; readonly seconds: number }
  /** Its user ended it. */
  | { readonly kind: 'killed' }
  /** The guest did something that is not built. */
  | { readonly kind: 'unsupported'; readonly reason: string }
  /** An error of our own. */
  | { readonly kind: 'failed'; readonly error: unknown };
