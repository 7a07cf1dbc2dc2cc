/** For tests: a whole API server in process, on a virtual clock, and clients of any user. */
import { createCertificateAuthority, createClient, generateKeyPair, type KubeClient } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { type ApiServer, createApiServer } from '../../server/api-server.js';
import { createInProcessTransport } from '../../server/in-process-transport.js';
import { createMemoryStore } from '../../storage/memory-store.js';
import type { UserInfo } from '../user.js';

export const issuer = 'https://hub.example:6443';

export async function startTestApi() {
  const env = createTestEnv();
  const { clock, random } = env;
  const ca = createCertificateAuthority({
    commonName: 'test-ca',
    validityMs: 10 * 365 * 24 * 3_600_000,
    nowMs: clock.now(),
    random,
  });
  const store = createMemoryStore();
  const server: ApiServer = createApiServer({
    store,
    env,
    profile: 'cluster',
    kubernetesVersion: { major: 1, minor: 33, patch: 0 },
    advertiseUrl: issuer,
    clientCa: () => ca.certificatePem,
    serviceAccountKey: generateKeyPair().privateKeyPem,
  });
  await server.start();
  const root = createClient(server.transport());
  const as = (user: UserInfo): KubeClient => createClient(server.transport(user));
  /** A caller whom the server authenticates. */
  const withToken = (token: string): KubeClient => {
    const transport = createInProcessTransport(server);
    const headers = { authorization: `Bearer ${token}` };
    return createClient({
      ...transport,
      request: (request) => transport.request({ ...request, headers: { ...request.headers, ...headers } }),
    });
  };
  const close = async (): Promise<void> => {
    server.close();
    await store.close();
  };
  return { env, ca, server, root, as, withToken, close };
}

export type TestApi = Awaited<ReturnType<typeof startTestApi>>;
