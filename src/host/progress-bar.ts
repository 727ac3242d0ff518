import type { WriteStream } from 'node:tty';

const barWidth = 30;
const redrawMs = 50;

/** Where progress is shown: a terminal gets one line that is drawn again, anything else a line for each step. */
export type ProgressStream = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** A bar for work of several steps. */
export class ProgressBar {
  readonly #stream: ProgressStream;
  readonly #title: string;
  #step = '';
  #drawnMs = 0;
  #drawn = '';

  constructor(title: string, stream: ProgressStream = process.stderr) {
    this.#title = title;
    this.#stream = stream;
  }

  update(step: string, fraction: number): void {
    const isNew = step !== this.#step;
    this.#step = step;
    if (!this.#stream.isTTY) {
      if (isNew) this.#stream.write(`${this.#title}: ${step}\n`);
      return;
    }
    const now = Date.now();
    if (!isNew && fraction < 1 && now - this.#drawnMs < redrawMs) return;
    this.#drawnMs = now;
    this.#draw(progressLine(this.#title, step, fraction, this.#stream.columns ?? 80));
  }

  /** Takes the bar away. */
  finish(): void {
    if (this.#drawn !== '') this.#stream.write('\r\x1b[K');
    this.#drawn = '';
  }

  #draw(line: string): void {
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#stream.write(`\r${line}\x1b[K`);
  }
}

function progressLine(title: string, step: string, fraction: number, columns: number): string {
  const part = Math.min(Math.max(fraction, 0), 1);
  const filled = Math.round(part * barWidth);
  const bar = '━'.repeat(filled) + '─'.repeat(barWidth - filled);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  return `${title}  ${bar} ${percent}  ${step}`.slice(0, columns - 1);
}
