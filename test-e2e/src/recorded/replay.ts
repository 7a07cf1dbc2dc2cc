/**
 * Sends a recorded sequence again, as plain HTTPS requests: revisions, uids and the like, which the recording names
 * only, are those of the answers so far, as kubectl takes them from there.
 */
import { at } from '../support/json.js';
import { withObjectMeta } from '../support/protobuf.js';
import type { Answer, TestServer } from '../support/server.js';
import type { RecordedRequest } from './normalize.js';
import { isWatchTarget } from './recording-proxy.js';

const time = '2026-01-02T03:04:05Z';
const patienceMs = 15_000;

export class Replay {
  readonly #server: TestServer;
  readonly #userAgent: string;
  /** The last object, and the last list, that was answered. */
  #object: unknown;
  #list: unknown;
  /** Answers to GETs by path: what a PUT or PATCH of it refers to. */
  readonly #objects = new Map<string, unknown>();

  constructor(server: TestServer, userAgent: string) {
    this.#server = server;
    this.#userAgent = userAgent;
  }

  /** @throws Error when the answer is not of the recorded status, type and kind. */
  async send(request: RecordedRequest): Promise<void> {
    const target = await this.#filled(request.target);
    if (isWatchTarget(request.target)) {
      const reader = await this.#server.watch(target, { accept: request.accept });
      const type = reader.headers['content-type'];
      reader.close();
      if (type !== request.answerType) throw new Error(`${target}: a watch of ${type}`);
      return;
    }
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const answer = await this.#server.send(request.method, target, this.#options(request));
      const problem = problemOf(request, answer);
      if (problem === undefined) {
        this.#remember(request, answer);
        return;
      }
      // kubectl polls, and a controller of the server's own may be the quicker one.
      const isPolled = request.method === 'GET' || answer.status === 409;
      if (!isPolled || Date.now() > deadline) throw new Error(`${request.method} ${target}: ${problem}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (answer.status === 409) await this.#again(pathOf(target));
    }
  }

  #options({ accept, contentType, body, base64, target }: RecordedRequest) {
    const known = this.#objects.get(ownerOf(pathOf(target))) ?? this.#object;
    const uid = String(at(known, 'metadata.uid') ?? '');
    const resourceVersion = String(at(known, 'metadata.resourceVersion') ?? '');
    const text =
      body === undefined
        ? undefined
        : JSON.stringify(body)
            .replaceAll('<rv>', resourceVersion)
            .replaceAll('<uid>', uid)
            .replaceAll('<time>', time);
    const bytes =
      base64 === undefined
        ? undefined
        : withObjectMeta(Buffer.from(base64, 'base64'), { uid, resourceVersion });
    const content = text ?? bytes;
    return {
      accept,
      headers: { 'user-agent': this.#userAgent },
      ...(content !== undefined && { body: content, contentType: contentType ?? '' }),
    };
  }

  async #filled(target: string): Promise<string> {
    const uid = String(at(this.#object, 'metadata.uid') ?? '');
    const revision = String(at(this.#list, 'metadata.resourceVersion') ?? '');
    const next = encodeURIComponent(String(at(this.#list, 'metadata.continue') ?? ''));
    const filled = target
      .replaceAll('<uid>', uid)
      .replace('<rv>', revision)
      .replace('<continue>', next)
      .replace('<seconds>', '5');
    return filled.includes('<hash>') ? filled.replace('<hash>', await this.#hash(pathOf(target))) : filled;
  }

  /** As the index of OpenAPI names it. */
  async #hash(path: string): Promise<string> {
    const index = await this.#server.read('/openapi/v3');
    const group = path.replace('/openapi/v3/', '').replaceAll('.', '\\.');
    const url = String(at(index, `paths.${group}.serverRelativeURL`));
    return /hash=(\w+)/.exec(url)?.[1] ?? '';
  }

  async #again(path: string): Promise<void> {
    this.#objects.set(ownerOf(path), await this.#server.read(ownerOf(path)));
  }

  #remember({ method, target }: RecordedRequest, { body, status }: Answer): void {
    if (status >= 400 || at(body, 'metadata') === undefined) return;
    if (String(at(body, 'kind')).endsWith('List') || at(body, 'kind') === 'Table') this.#list = body;
    else this.#object = body;
    if (method === 'GET') this.#objects.set(ownerOf(pathOf(target)), body);
  }
}

function pathOf(target: string): string {
  return target.split('?')[0] ?? target;
}

/** The object of a subresource. */
function ownerOf(path: string): string {
  return path.replace(/\/(?:status|scale|approval)$/, '');
}

function problemOf({ status, answerType, kind }: RecordedRequest, answer: Answer): string | undefined {
  if (answer.status !== status) return `${answer.status} instead of ${status}: ${answer.text.slice(0, 500)}`;
  const type = answer.headers['content-type'];
  if (type !== answerType) return `${type} instead of ${answerType}`;
  const found = at(answer.body, 'kind');
  return kind === undefined || found === kind ? undefined : `a ${found} instead of a ${kind}`;
}
