/** The globals that Node and browsers share and that portable code may use; add one only if both have it. */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: ArrayBufferLike | ArrayBufferView, options?: { stream?: boolean }): string;
}

interface ImportMeta {
  readonly url: string;
}

declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
}

declare const performance: { now(): number; readonly timeOrigin: number };

declare function queueMicrotask(callback: () => void): void;
declare function setTimeout(callback: () => void, delayMs?: number): PortableTimeout;
declare function clearTimeout(timeout: PortableTimeout | undefined): void;

/** A number in a browser, an object in Node: only to be handed back. Name it ReturnType<typeof setTimeout>. */
interface PortableTimeout {
  readonly portableTimeout: never;
}
