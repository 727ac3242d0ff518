import { sharedFunction, sharedFunctions } from '../isa/x86/index.ts';
import { type FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import type { CoreFunctions } from './core-functions.ts';
import { emitVariant, handlerParams, handlerResult, slowAccessParams } from './generator.ts';
import { furtherVariants, type HandlerTable } from './handler-table.ts';

const noFunction = -1;

/**
 * The module of the handlers that few guests use: an instance of it fills their places in the table. Imports: `env.memory`,
 * `env.flushBounce`, `env.raise`, and the table and functions of the interpreter's own module as `core`. None of them jumps.
 */
export function generateFurther(table: HandlerTable, names: readonly string[]): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 65536);
  module.importTable('core', 'table');
  const handlerType = module.type(handlerParams, handlerResult);
  const sharedNames = Object.keys(sharedFunctions);
  const core: CoreFunctions = {
    handlerType,
    lookup: noFunction,
    lookupSlowly: noFunction,
    settleFlags: noFunction,
    slowAccess: module.importFunction('core', 'slowAccess', slowAccessParams, handlerResult),
    flushBounce: module.importFunction('env', 'flushBounce', [], []),
    raise: module.importFunction('env', 'raise', ['i32', 'i32'], []),
    callHelper: (body: FunctionBody, name: string): void => {
      body.i32(table.size + names.indexOf(name)).callIndirect(handlerType);
    },
    callShared: (body: FunctionBody, name: string): void => {
      const { params, results } = sharedFunction(name);
      const slot = table.size + names.length + sharedNames.indexOf(name);
      body.i32(slot).callIndirect(module.type(params, results));
    },
  };
  const functions = furtherVariants().map((variant) =>
    module.define(handlerParams, handlerResult, (body) => emitVariant(body, core, variant)),
  );
  module.setElements(table.firstFurther, functions);
  return module.encode();
}
