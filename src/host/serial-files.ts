import { closeSync, writeSync } from 'node:fs';
import { SerialPipe } from '../backends/index.ts';
import type { SerialBackend } from '../machine/devices/index.ts';
import { FileError, openForOutput } from './files.ts';

/** A serial port that nothing is connected to. */
export const nullSerial = (): SerialBackend => new SerialPipe();

export interface FileSerialOptions {
  readonly path: string;
  /** Takes a FileError when the file cannot be written any more; further output is lost. */
  readonly onError: (error: FileError) => void;
}

/** A serial port whose output goes to a file, made anew. Throws FileError. */
export function fileSerial({ path, onError }: FileSerialOptions): SerialBackend {
  let file: number | undefined = openForOutput('serial port file', path);
  return new SerialPipe({
    onOutput(bytes) {
      if (file === undefined) return;
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      } catch (cause) {
        closeSync(file);
        file = undefined;
        onError(new FileError('write serial port file', path, cause));
      }
    },
  });
}
