import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { requestTimeoutMs, withinDeadline } from './request-deadline.js';
import { parseRequestInfo } from './request-info.js';

function timeoutOf(url: string, method = 'GET'): number | undefined {
  const [path = '', text = ''] = url.split('?');
  const query = new URLSearchParams(text);
  return requestTimeoutMs(parseRequestInfo(method, path, query), query, 60_000);
}

describe('the deadline of a request', () => {
  for (const [url, timeoutMs] of [
    ['/api/v1/pods', 60_000],
    ['/api/v1/pods?timeout=', 60_000],
    ['/api/v1/pods?timeout=0', 60_000],
    ['/api/v1/pods?timeout=10s', 10_000],
    ['/api?timeout=32s', 32_000],
    ['/api/v1/pods?timeout=1h', 60_000],
    ['/api/v1/pods?watch=1', undefined],
    ['/api/v1/pods?watch=1&timeout=10s', undefined],
    ['/api/v1/namespaces/n/pods/p/log?follow=true', undefined],
    ['/api/v1/namespaces/n/pods/p/exec', undefined],
    ['/api/v1/namespaces/n/pods/p/status', 60_000],
  ] as const) {
    it(`is ${timeoutMs} for ${url}`, () => expect(timeoutOf(url)).to.equal(timeoutMs));
  }

  it('is refused when it is no duration', () => {
    expect(() => timeoutOf('/api/v1/pods?timeout=soon'))
      .to.throw('invalid timeout specified in the request URL')
      .with.nested.property('status.code', 400);
  });

  it('answers 504 when it has passed, and nothing else before', async () => {
    const { clock } = createTestEnv();
    const never = new Promise<string>(() => undefined);
    const failure = withinDeadline(never, { clock, timeoutMs: 1000 }).catch((error: unknown) => error);
    let isAnswered = false;
    void failure.then(() => {
      isAnswered = true;
    });
    await clock.advance(999);
    expect(isAnswered).to.equal(false);
    await clock.advance(1);
    expect(await failure).to.have.nested.property('status.code', 504);
    expect(await withinDeadline(Promise.resolve('done'), { clock, timeoutMs: 1000 })).to.equal('done');
    expect(await withinDeadline(Promise.resolve('done'), { clock, timeoutMs: undefined })).to.equal('done');
  });
});
