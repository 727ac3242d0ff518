import type { ThreadPort } from '../../base/index.ts';
import type { CodeContext } from '../interpreter/index.ts';
import { weightOf } from './live-code.ts';
import { compileHere } from './module-writer.ts';
import { unpackRegions } from './region-codec.ts';
import { RegionModule } from './region-module.ts';
import type { TranslationAnswer, TranslationRequest } from './translation-protocol.ts';

/** Runs in a thread of its own, and makes modules of the regions that `ThreadWriter` sends. */
export function serve(port: ThreadPort): void {
  const contexts = new Map<number, CodeContext>();
  port.onMessage = (message): void => {
    const request = message as TranslationRequest;
    if (request.kind === 'context') {
      contexts.set(request.number, request.context);
      return;
    }
    const context = contexts.get(request.context);
    if (!context) throw new RangeError(`Cannot write module ${request.number}: context ${request.context} is unknown`);
    const begun = performance.now();
    const module = new RegionModule(context);
    for (const placed of unpackRegions(request.regions)) module.add(placed);
    compileHere(module, (compiled, byteLength) => {
      weightOf(byteLength); // It is dropped here.
      const answer: TranslationAnswer = {
        number: request.number,
        module: compiled,
        byteLength,
        ms: performance.now() - begun,
      };
      port.post(answer, []);
    });
  };
}
