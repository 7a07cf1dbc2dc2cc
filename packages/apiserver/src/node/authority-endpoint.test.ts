import { hasReason } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import { ensureServerPki } from '../server/server-pki.js';
import { type AuthorityState, authorityPath, createAuthorityHandler } from './authority-endpoint.js';

const files = { env: createTestEnv(), directory: '/pki', caName: 'hub' };

describe('the endpoint of the authorities', () => {
  for (const isShared of [true, false]) {
    const load = () =>
      ensureServerPki({ ...files, directory: `/pki-${isShared}`, dnsNames: ['hub'], ipAddresses: [] });

    async function newHandler() {
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
        files: { ...files, directory: `/pki-${isShared}` },
        isShared,
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
    const phaseOf = (answer: ApiResponse | undefined): string =>
      (JSON.parse(String(answer?.body)) as AuthorityState).phase;

    it(
      isShared ? 'refuses every step where servers share the authority' : 'takes the steps in their order',
      async () => {
        const handler = await newHandler();
        expect(phaseOf(await handler(request('GET')))).to.equal('stable');
        for (const [step, phase] of [
          ['begin', 'spreading'],
          ['promote', 'retiring'],
          ['finish', 'stable'],
        ] as const) {
          const outcome = await handler(request('POST', { step })).catch((error: unknown) => error);
          if (isShared) {
            expect(hasReason(outcome, 'BadRequest')).to.equal(true);
            expect(String(outcome)).to.contain('servers that share an etcd share their authority');
            expect(phaseOf(await handler(request('GET')))).to.equal('stable');
          } else {
            expect(phaseOf(outcome as ApiResponse)).to.equal(phase);
          }
        }
      },
    );
  }
});
