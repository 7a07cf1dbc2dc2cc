/**
 * Turns a failed HTTP answer into the StatusError that the server meant, also when a proxy in between answered
 * with something that is no Status. Texts for such answers follow client-go's. Pure. Called by the client.
 */
import { isObject, type Status, type StatusDetails, StatusError, type StatusReason } from '@flotilla/api';

export interface FailedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const maxPlainTextChars = 1024;

const byCode: Readonly<Record<number, readonly [StatusReason, string]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', 'the server does not allow this request'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  406: ['NotAcceptable', 'the server was unable to respond with a content type that the client supports'],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Gone', 'the requested resource is no longer available'],
  413: ['RequestEntityTooLarge', 'the request is too large for the server'],
  415: ['UnsupportedMediaType', 'the body of the request was in an unknown format'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  500: ['InternalError', 'an error on the server has prevented the request from succeeding'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted'],
};

/** Never throws; `Retry-After` ends up in `details.retryAfterSeconds`. */
export function parseFailure(response: FailedResponse): StatusError {
  const text = Buffer.from(response.body.buffer, response.body.byteOffset, response.body.byteLength).toString(
    'utf8',
  );
  const status = parseStatus(text, response.status) ?? synthesizeStatus(text, response.status);
  const seconds = Number(response.headers['retry-after']);
  if (!Number.isFinite(seconds) || status.details?.retryAfterSeconds !== undefined)
    return new StatusError(status);
  return new StatusError({ ...status, details: { ...status.details, retryAfterSeconds: seconds } });
}

/** Reads a `v1 Status` object; undefined when the value is none. */
export function toStatus(value: unknown, httpCode: number): Status | undefined {
  if (!isObject(value) || value['kind'] !== 'Status' || value['apiVersion'] !== 'v1') return undefined;
  const { code, message, reason, details, metadata } = value;
  const token = isObject(metadata) ? metadata['continue'] : undefined;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    // With reason Expired: where a list may go on, if it need not be of one moment.
    metadata: typeof token === 'string' ? { continue: token } : {},
    status: 'Failure',
    ...(typeof message === 'string' && { message }),
    ...(typeof reason === 'string' && reason !== '' && { reason: reason as StatusReason }), // an unknown one stays as it is
    ...(isObject(details) && { details: details as StatusDetails }), // the server's own, shown and logged only
    code: typeof code === 'number' && code > 0 ? code : httpCode,
  };
}

function parseStatus(text: string, httpCode: number): Status | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return toStatus(JSON.parse(text), httpCode);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // a cut or foreign body: the HTTP code says enough
    throw error;
  }
}

function synthesizeStatus(text: string, code: number): Status {
  const [reason, message] = byCode[code] ??
    (code >= 500 ? byCode[500] : undefined) ?? [undefined, `the server answered with HTTP status ${code}`];
  const plain = /^\s*[<{]/.test(text) ? '' : text.trim().slice(0, maxPlainTextChars);
  const told = plain === '' || code === 503 ? message : `${message}: ${plain}`;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: told,
    ...(reason !== undefined && { reason }),
    code,
  };
}
