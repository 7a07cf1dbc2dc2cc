import { expect } from 'chai';
import type { ApiRequest, ApiResponse } from './handler.js';
import { prettified } from './pretty.js';

function request({ query = '', agent = '', path = '/api/v1/pods' }): ApiRequest {
  return {
    method: 'GET',
    path,
    query: new URLSearchParams(query),
    headers: { 'user-agent': agent },
    body: new Uint8Array(),
    signal: new AbortController().signal,
    remoteAddress: '',
    clientCertificates: [],
  };
}

function answer(contentType = 'application/json'): ApiResponse {
  return { status: 200, headers: { 'content-type': contentType }, body: Buffer.from('{"a":1}') };
}

describe('prettified', () => {
  const indented = '{\n  "a": 1\n}\n';
  const cases: readonly [string, Parameters<typeof request>[0], string | undefined, string][] = [
    ['leaves JSON for machines alone', {}, undefined, '{"a":1}'],
    ['indents when asked to', { query: 'pretty=true' }, undefined, indented],
    ['indents for curl', { agent: 'curl/8.5.0' }, undefined, indented],
    ['indents for browsers', { agent: 'Mozilla/5.0 (X11)' }, undefined, indented],
    ['does not when asked not to', { agent: 'curl/8.5.0', query: 'pretty=0' }, undefined, '{"a":1}'],
    ['leaves YAML alone', { query: 'pretty=true' }, 'application/yaml', '{"a":1}'],
    ['leaves OpenAPI alone', { query: 'pretty=true', path: '/openapi/v2' }, undefined, '{"a":1}'],
  ];
  for (const [name, asked, contentType, expected] of cases) {
    it(name, () => {
      const { body } = prettified(answer(contentType), request(asked));
      expect(typeof body === 'function' ? body : Buffer.from(body).toString()).to.equal(expected);
    });
  }

  it('leaves streams alone', () => {
    const stream: ApiResponse = { ...answer(), body: () => undefined };
    expect(prettified(stream, request({ query: 'pretty=1' }))).to.equal(stream);
  });
});
