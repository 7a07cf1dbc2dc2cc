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

/** The transports belong to it from now on: it closes them. */
export function createFailoverTransport(transports: readonly [Transport, ...Transport[]]): Transport {
  let current = 0;
  const request = async (wanted: TransportRequest): Promise<TransportResponse> => {
    for (let attempt = 1; ; attempt++) {
      const index = current;
      try {
        return await (transports[index] ?? transports[0]).request(wanted);
      } catch (error) {
        if (!(error instanceof TransportError) || error.hop === 'config' || wanted.signal?.aborted)
          throw error;
        // Somebody else may have moved on from it already.
        if (current === index) current = (index + 1) % transports.length;
        const mayRepeat = unsent.has(error.hop) || wanted.method === 'GET' || wanted.method === 'HEAD';
        if (!mayRepeat || attempt >= transports.length) throw error;
      }
    }
  };
  return {
    request,
    close: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}
