export { askLine, type LineQuestion } from './ask-line.ts';
export { keepCompiledModules } from './compile-cache.ts';
export { escapeKeysHelp } from './escape-keys.ts';
export {
  FileBytes,
  FileError,
  openForOutput,
  openUserFile,
  readUserFile,
  releaseBytes,
  writeUserFile,
} from './files.ts';
export { compactMemory } from './heap.ts';
export { HostInput } from './host-input.ts';
export { HostOutput, type OutputFlow } from './host-output.ts';
export { LineServer, type LineServerOptions } from './line-server.ts';
export { mezzHome } from './mezz-home.ts';
export { nodeHost } from './node-host.ts';
export { ProgressBar, type ProgressStream } from './progress-bar.ts';
export { fileSerial, nullSerial } from './serial-files.ts';
export { StdioSerial, type StdioSerialOptions } from './stdio-serial.ts';
export { startThread } from './threads.ts';
export { type SampledFrame, TimeSampler } from './time-sampler.ts';
export { TranslationFile } from './translation-file.ts';
