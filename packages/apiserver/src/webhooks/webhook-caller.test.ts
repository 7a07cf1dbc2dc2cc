import { expect } from 'chai';
import { createWebhookCaller, WebhookCallError } from './webhook-caller.js';
import type { WebhookAnswer, WebhookPort, WebhookPost } from './webhook-port.js';

const reader = { get: () => undefined, list: () => [] };
const random = { next: () => 0 };
const review = { kind: 'Review' };

function callerFor(answer: WebhookAnswer | Error) {
  const posts: WebhookPost[] = [];
  const port: WebhookPort = {
    post: async (post) => {
      posts.push(post);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    close: () => undefined,
  };
  return { posts, caller: createWebhookCaller({ port, reader, random }) };
}

async function failure(work: Promise<unknown>): Promise<WebhookCallError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WebhookCallError)) throw new Error(`no WebhookCallError: ${String(error)}`);
  return error;
}

describe('webhook caller', () => {
  const url = 'https://hooks.example.com/check';

  it('posts the review and says how long it waits', async () => {
    const { caller, posts } = callerFor({ status: 200, body: '{"kind":"Review","apiVersion":"v1","x":1}' });
    const answer = await caller.call({ url }, { review, timeoutMs: 2500 });
    expect(answer).to.deep.equal({ kind: 'Review', apiVersion: 'v1', x: 1 });
    expect(posts).to.deep.equal([{ url: `${url}?timeout=3s`, body: '{"kind":"Review"}', timeoutMs: 2500 }]);
  });

  it('tells a call that failed from one that could not be made', async () => {
    const { caller } = callerFor(new Error('dial tcp 1.2.3.4:443: connect: connection refused'));
    const failed = await failure(caller.call({ url }, { review, timeoutMs: 1000 }));
    expect([failed.stage, failed.message]).to.deep.equal([
      'call',
      `Post "${url}?timeout=1s": dial tcp 1.2.3.4:443: connect: connection refused`,
    ]);
    const unmade = await failure(caller.call({ url, caBundle: 'Cg==' }, { review, timeoutMs: 1000 }));
    expect([unmade.stage, unmade.message]).to.deep.equal([
      'client',
      'unable to load root certificates: unable to parse bytes as PEM block',
    ]);
    const without = createWebhookCaller({ port: undefined, reader, random });
    expect((await failure(without.call({ url }, { review, timeoutMs: 1 }))).stage).to.equal('client');
  });

  it('puts a Service in the place of a host', async () => {
    const { caller } = callerFor({ status: 200, body: '' });
    const service = { namespace: 'apps', name: 'hook', path: 'check' };
    const { message } = await failure(caller.call({ service }, { review, timeoutMs: 10_000 }));
    expect(message).to.equal('Post "https://hook.apps.svc:443/check?timeout=10s": service "hook" not found');
  });

  const failures: readonly [WebhookAnswer, string][] = [
    [{ status: 404, body: 'x' }, 'the server could not find the requested resource'],
    [
      { status: 500, body: 'out of "memory"\n' },
      'an error on the server ("out of \\"memory\\"") has prevented the request from succeeding',
    ],
    [{ status: 503, body: '' }, 'the server is currently unable to handle the request'],
    [
      { status: 418, body: '' },
      'the server responded with the status code 418 but did not return more information',
    ],
    [{ status: 400, body: '{"kind":"Status","message":"said so"}' }, 'said so'],
    [{ status: 200, body: '{"apiVersion":"v1"}' }, 'Object \'Kind\' is missing in \'{"apiVersion":"v1"}\''],
    [{ status: 200, body: '[]' }, "couldn't get version/kind; json parse error: it is no object"],
  ];
  for (const [answer, message] of failures) {
    it(`reads ${answer.status} ${answer.body.trim()} as client-go does`, async () => {
      const { caller } = callerFor(answer);
      expect((await failure(caller.call({ url }, { review, timeoutMs: 1000 }))).message).to.equal(message);
    });
  }
});
