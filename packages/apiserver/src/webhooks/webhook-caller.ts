/**
 * Calls a webhook by its clientConfig: finds out where it is, posts a review, answers the review that came back as JSON.
 * Failures are worded as by kube-apiserver and client-go, since kubectl shows them. Called by the admission webhooks and
 * by the conversion webhooks of custom resources.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import type { Random } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { caBundleFault, caBundlePem, defaultServicePort, type WebhookClientConfig } from './client-config.js';
import { serviceAddresses } from './service-endpoints.js';
import type { WebhookAnswer, WebhookPort } from './webhook-port.js';

/** A webhook that could not be asked, or gave no answer that can be read. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
  /** `client`: the call was not even begun. */
  readonly stage: 'client' | 'call';

  constructor(stage: 'client' | 'call', message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.stage = stage;
  }
}

export interface WebhookCaller {
  /** @throws WebhookCallError */
  call(
    config: WebhookClientConfig,
    request: { readonly review: object; readonly timeoutMs: number },
  ): Promise<JsonObject>;
}

export interface WebhookCallerDependencies {
  /** Absent: this server makes no calls. */
  readonly port: WebhookPort | undefined;
  /** Services and their endpoints. */
  readonly reader: Pick<ObjectReader, 'get' | 'list'>;
  /** Chooses among endpoints. */
  readonly random: Pick<Random, 'next'>;
}

export function createWebhookCaller(dependencies: WebhookCallerDependencies): WebhookCaller {
  return {
    call: async (config, { review, timeoutMs }) => {
      const { port } = dependencies;
      if (port === undefined) throw new WebhookCallError('client', 'this server makes no calls to webhooks');
      const fault = caBundleFault(config.caBundle);
      if (fault !== undefined) throw new WebhookCallError('client', fault);
      const ca = caBundlePem(config.caBundle);
      const url = urlOf(config, timeoutMs);
      const body = JSON.stringify(review);
      let answer: WebhookAnswer;
      try {
        const connectTo = addressOf(config, dependencies);
        answer = await port.post({
          url,
          body,
          timeoutMs,
          ...(ca !== undefined && { ca }),
          ...(connectTo !== undefined && { connectTo }),
        });
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new WebhookCallError('call', `Post ${JSON.stringify(url)}: ${why}`, { cause });
      }
      return readAnswer(answer);
    },
  };
}

function urlOf({ url, service }: WebhookClientConfig, timeoutMs: number): string {
  const query = `timeout=${Math.ceil(timeoutMs / 1000)}s`;
  if (url !== undefined) return `${url}?${query}`;
  const { namespace = '', name = '', path = '', port = defaultServicePort } = service ?? {};
  const separator = path.startsWith('/') ? '' : '/';
  return `https://${name}.${namespace}.svc:${port}${separator}${path}?${query}`;
}

function addressOf({ service }: WebhookClientConfig, { reader, random }: WebhookCallerDependencies) {
  if (service === undefined) return undefined;
  const { namespace = '', name = '', port = defaultServicePort } = service;
  const addresses = serviceAddresses(reader, { namespace, name, port });
  return addresses[Math.floor(random.next() * addresses.length)] ?? addresses[0];
}

function readAnswer({ status, body }: WebhookAnswer): JsonObject {
  if (status < 200 || status > 299) throw new WebhookCallError('call', failureText(status, body));
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WebhookCallError('call', `couldn't get version/kind; json parse error: ${why}`, { cause });
  }
  if (!isObject(value)) {
    throw new WebhookCallError('call', "couldn't get version/kind; json parse error: it is no object");
  }
  for (const [key, shown] of [
    ['kind', 'Kind'],
    ['apiVersion', 'apiVersion'],
  ] as const) {
    if (typeof value[key] !== 'string' || value[key] === '') {
      throw new WebhookCallError('call', `Object '${shown}' is missing in '${shorten(body)}'`);
    }
  }
  return value;
}

/** As client-go turns a plain HTTP failure into an error. */
function failureText(status: number, body: string): string {
  const stated = statusMessage(body);
  if (stated !== undefined) return stated;
  switch (status) {
    case 400:
      return 'the server rejected our request for an unknown reason';
    case 401:
      return 'the server has asked for the client to provide credentials';
    case 403:
      return shorten(body) || 'forbidden';
    case 404:
      return 'the server could not find the requested resource';
    case 405:
      return 'the server does not allow this method on the requested resource';
    case 429:
      return 'the server has received too many requests and has asked us to try again later';
    case 503:
      return 'the server is currently unable to handle the request';
    case 504:
      return 'the server was unable to return a response in the time allotted, but may still be processing the request';
    default:
      return status >= 500
        ? `an error on the server (${JSON.stringify(shorten(body))}) has prevented the request from succeeding`
        : `the server responded with the status code ${status} but did not return more information`;
  }
}

function statusMessage(body: string): string | undefined {
  if (!body.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    if (!isObject(value) || value['kind'] !== 'Status') return undefined;
    const { message } = value;
    return typeof message === 'string' && message !== '' ? message : undefined;
  } catch {
    return undefined; // plain text that begins like JSON; the status code speaks for it
  }
}

const maxShownCharacters = 2048;

function shorten(body: string): string {
  const text = body.trim();
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters)}...` : text;
}
