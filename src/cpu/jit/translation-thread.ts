import type { ThreadPort } from '../../base/index.ts';
import type { CodeContext } from '../interpreter/index.ts';
import { weightOf } from './live-code.ts';
import { compiled } from './module-writer.ts';
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
    const written = new RegionModule(context);
    for (const placed of unpackRegions(regions)) written.add(placed);
    const module = compiled(written);
    answer({ kind: 'module', number, ...module });
    weightOf(module.bytes.length); // Dropped here as the module is.
  };
  answer({ kind: 'ready' });
}
