import { hasReason } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { authoritySteps } from '../server/authorities.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import { ensureServerPki } from '../server/server-pki.js';
import { type AuthorityState, authorityPath, createAuthorityHandler } from './authority-endpoint.js';

describe('the endpoint of the authorities', () => {
  async function newHandler() {
    const files = { env: createTestEnv(), directory: '/pki', caName: 'hub' };
    const load = () => ensureServerPki({ ...files, dnsNames: ['hub'], ipAddresses: [] });
    let current = await load();
    return createAuthorityHandler({
      env: files.env,
      pki: {
        get current() {
          return current;
        },
        onChange: () => undefined,
        refresh: async () => {
          current = await load();
        },
      },
      roll: (step) => authoritySteps[step].take(files),
    });
  }

  function request(method: string, body: object = {}): ApiRequest {
    return {
      ...{ method, path: authorityPath, query: new URLSearchParams(), headers: {} },
      ...{ remoteAddress: '', clientCertificates: [] },
      body: Buffer.from(JSON.stringify(body)),
      signal: new AbortController().signal,
    };
  }
  const stateOf = (answer: ApiResponse | undefined): AuthorityState =>
    JSON.parse(String(answer?.body)) as AuthorityState;

  it('takes the steps in their order, each as often as it is asked for', async () => {
    const handler = await newHandler();
    const [first] = stateOf(await handler(request('GET'))).trusted;
    for (const [step, phase] of [
      ['begin', 'spreading'],
      ['begin', 'spreading'],
      ['promote', 'retiring'],
      ['finish', 'stable'],
      ['finish', 'stable'],
    ] as const)
      expect(stateOf(await handler(request('POST', { step }))).phase).to.equal(phase);
    const [last] = stateOf(await handler(request('GET'))).trusted;
    expect(last?.hash).not.to.equal(first?.hash);
  });

  const refused: [what: string, method: string, body: object, reason: 'BadRequest' | 'MethodNotAllowed'][] = [
    ['a step before its time', 'POST', { step: 'promote' }, 'BadRequest'],
    ['a step that there is not', 'POST', { step: 'leap' }, 'BadRequest'],
    ['no step', 'POST', {}, 'BadRequest'],
    ['another verb', 'DELETE', {}, 'MethodNotAllowed'],
  ];
  for (const [what, method, body, reason] of refused) {
    it(`refuses ${what}, and changes nothing`, async () => {
      const handler = await newHandler();
      const outcome = await handler(request(method, body)).catch((error: unknown) => error);
      expect(hasReason(outcome, reason), String(outcome)).to.equal(true);
      expect(stateOf(await handler(request('GET'))).phase).to.equal('stable');
    });
  }

  it('leaves other paths to others', async () => {
    const handler = await newHandler();
    expect(await handler({ ...request('GET'), path: '/version' })).to.equal(undefined);
  });
});
