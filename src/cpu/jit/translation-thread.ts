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
  const answer = (message: TranslationAnswer): void => port.post(message, []);
  port.onMessage = (message): void => {
    const request = message as TranslationRequest;
    if (request.kind === 'context') {
      contexts.set(request.number, request.context);
      return;
    }
    const { number, regions } = request;
    const context = contexts.get(request.context);
    if (!context) throw new RangeError(`Cannot write module ${number}: context ${request.context} is unknown`);
    const begun = performance.now();
    const written = new RegionModule(context);
    for (const placed of unpackRegions(regions)) written.add(placed);
    compileHere(written, (module, byteLength) => {
      answer({ kind: 'module', number, module, byteLength, ms: performance.now() - begun });
      weightOf(byteLength); // Dropped here as the module is.
    });
  };
  answer({ kind: 'ready' });
}
