/** Which protocol an upgrading client and the server have in common, and the answers around that. */
import { newBadRequest, newStatusError } from '@flotilla/api';
import type { ApiRequest, ApiResponse } from '../server/handler.js';

/** A browser's bearer token comes as one of these; it is no protocol to choose. */
const tokenPrefix = 'base64url.bearer.authorization.k8s.io.';

/** @throws StatusError 400 when the request does not upgrade, or to something unknown. */
export function upgradeKind({ upgrade }: ApiRequest): 'websocket' | 'spdy' {
  if (upgrade === 'websocket') return 'websocket';
  if (upgrade === 'spdy/3.1') return 'spdy';
  throw newBadRequest(
    upgrade === undefined ? 'Upgrade request required' : `unable to upgrade: ${upgrade} is not supported`,
  );
}

/** The first offered that is known; undefined when none was offered, which stands for the oldest. @throws StatusError 400. */
export function chooseWebSocketProtocol(request: ApiRequest, known: readonly string[]): string | undefined {
  const offered = texts(request, 'sec-websocket-protocol').filter((name) => !name.startsWith(tokenPrefix));
  if (offered.length === 0) return undefined;
  const chosen = offered.find((name) => known.includes(name));
  if (chosen === undefined)
    throw newBadRequest(`unable to upgrade: none of the subprotocols ${offered.join(', ')} is known`);
  return chosen;
}

const versionHeader = 'x-stream-protocol-version';

/** As `chooseWebSocketProtocol`; 403 with what the server knows when there is nothing in common. @throws StatusError. */
export function chooseSpdyProtocol(request: ApiRequest, known: readonly string[]): string | undefined {
  const offered = texts(request, versionHeader);
  if (offered.length === 0) return undefined;
  const chosen = offered.find((name) => known.includes(name));
  if (chosen === undefined) {
    const message = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`;
    throw newStatusError(403, 'Forbidden', { message });
  }
  return chosen;
}

export function spdyUpgrade(
  protocol: string | undefined,
  run: NonNullable<ApiResponse['upgrade']>['run'],
): ApiResponse {
  return {
    status: 101,
    headers: {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      ...(protocol !== undefined && { [versionHeader]: protocol }),
    },
    body: new Uint8Array(),
    upgrade: { run },
  };
}

export function webSocketUpgrade(
  webSocket: { readonly protocol: string | undefined; readonly isText: boolean },
  run: NonNullable<ApiResponse['upgrade']>['run'],
): ApiResponse {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  return { status: 101, headers, body: new Uint8Array(), upgrade: { webSocket, run } };
}

function texts({ headers }: ApiRequest, name: string): string[] {
  const value = headers[name];
  const list = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  return list
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
