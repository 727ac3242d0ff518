const prefix = 0x01;
const keyOf = (character: string): number => character.charCodeAt(0);

export const escapeKeysHelp = [
  'Ctrl-A x    quit: turns the machine off at once',
  'Ctrl-A a    sends Ctrl-A itself',
  'Ctrl-A ?    shows this list',
] as const;

export interface EscapeActions {
  onQuit(): void;
  onHelp(): void;
}

/** Takes what Ctrl-A introduces out of a terminal's input. */
export class EscapeKeys {
  readonly #actions: EscapeActions;
  #isPrefixed = false;

  constructor(actions: EscapeActions) {
    this.#actions = actions;
  }

  /** Returns what is for the guest. */
  filter(bytes: Uint8Array): Uint8Array {
    const rest: number[] = [];
    for (const byte of bytes) {
      if (this.#isPrefixed) {
        this.#isPrefixed = false;
        this.#act(byte, rest);
      } else if (byte === prefix) this.#isPrefixed = true;
      else rest.push(byte);
    }
    return Uint8Array.from(rest);
  }

  #act(byte: number, rest: number[]): void {
    if (byte === keyOf('x') || byte === keyOf('X')) this.#actions.onQuit();
    else if (byte === keyOf('a') || byte === prefix) rest.push(prefix);
    else this.#actions.onHelp();
  }
}
