import { debugContract } from '../../testing/debug-contract.ts';
import { engineContract } from '../../testing/engine-contract.ts';
import { InterpreterEngine } from './index.ts';

engineContract({
  name: 'interpreter',
  create: (options) => new InterpreterEngine(options),
  rounds: 300,
  flushCounter: 'recordFlushes',
});

debugContract('interpreter', (options) => new InterpreterEngine(options));
