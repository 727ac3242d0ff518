/** As printk writes it, perhaps after its time stamp and caller. */
const panicLine = /^(?:\[ *\d+\.\d+\](?:\[[^\]]*\])? )?Kernel panic - not syncing: *(.*)$/;
const lineMax = 512;

/**
 * Reads the console for the line with which a Linux kernel panics. The text alone proves nothing (a user may print an
 * old log), but after a real panic the processor neither halts nor runs user code again: who sees that calls `dismiss`.
 */
export class PanicWatch {
  #line = '';
  #message: string | undefined;

  /** What the kernel said, unless dismissed. */
  get message(): string | undefined {
    return this.#message;
  }

  /** The last line with text in it, whole or not, for error messages. */
  lastLine = '';

  take(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x0a) this.#endLine();
      else if (byte !== 0x0d && this.#line.length < lineMax) this.#line += String.fromCharCode(byte);
    }
  }

  dismiss(): void {
    this.#message = undefined;
  }

  #endLine(): void {
    this.#message ??= panicLine.exec(this.#line)?.[1];
    if (this.#line.trim() !== '') this.lastLine = this.#line.trim();
    this.#line = '';
  }
}
