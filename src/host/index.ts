export { escapeKeysHelp } from './escape-keys.ts';
export { FileBytes, FileError, openForOutput, readUserFile, releaseBytes, writeUserFile } from './files.ts';
export { compactMemory } from './heap.ts';
export { HostInput } from './host-input.ts';
export { HostOutput, type OutputFlow } from './host-output.ts';
export { nodeHost } from './node-host.ts';
export { ProgressBar, type ProgressStream } from './progress-bar.ts';
export { fileSerial, nullSerial } from './serial-files.ts';
export { StdioSerial, type StdioSerialOptions } from './stdio-serial.ts';
