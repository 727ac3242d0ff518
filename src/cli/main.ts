/** Where the command starts: little, as what V8 compiles is kept from here on. */
import { keepCompiledModules } from '../host/index.ts';

const isBuilt = import.meta.url.endsWith('.js');
if (isBuilt) keepCompiledModules();
const { runProgram } = await import('./program.ts');
runProgram(process.argv.slice(2));
