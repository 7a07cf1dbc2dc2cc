/**
 * One Transport out of several, each to a server of the same API (replicas that share a store): all goes to one until
 * that cannot be reached, then to the next. A request is repeated there only if it surely did not arrive, or only
 * reads. Errors of the API are answers, and no reason to move on. Used where one address is not enough.
 */
import {
  type Transport,
  TransportError,
  type TransportHop,
  type TransportRequest,
  type TransportResponse,
} from './transport.js';

/** The hops before a request is on its way. */
const unsent: ReadonlySet<TransportHop> = new Set(['dns', 'tcp', 'tls', 'ca']);

/**
 * The transports belong to it from now on: it closes them. A function is asked at each request: the list may change, and
 * what it names no longer is used no longer; its `close` closes what it names then.
 */
export function createFailoverTransport(
  transports: readonly [Transport, ...Transport[]] | (() => readonly [Transport, ...Transport[]]),
): Transport {
  const list = typeof transports === 'function' ? transports : () => transports;
  let current = list()[0];
  const request = async (wanted: TransportRequest): Promise<TransportResponse> => {
    const all = list();
    if (!all.includes(current)) current = all[0];
    for (let attempt = 1; ; attempt++) {
      const asked = current;
      try {
        return await asked.request(wanted);
      } catch (error) {
        if (!(error instanceof TransportError) || error.hop === 'config' || wanted.signal?.aborted)
          throw error;
        // Somebody else may have moved on from it already.
        if (current === asked) current = all[(all.indexOf(asked) + 1) % all.length] ?? all[0];
        const mayRepeat = unsent.has(error.hop) || wanted.method === 'GET' || wanted.method === 'HEAD';
        if (!mayRepeat || attempt >= all.length) throw error;
      }
    }
  };
  return {
    request,
    close: async () => {
      await Promise.all(list().map((transport) => transport.close()));
    },
  };
}
