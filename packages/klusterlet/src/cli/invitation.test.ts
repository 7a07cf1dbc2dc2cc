import { createCertificateAuthority, publicKeyHash, writeKubeconfig } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type InvitationSource, readInvitation } from './invitation.js';

const env = createTestEnv();
const ca = createCertificateAuthority({
  commonName: 'hub',
  validityMs: 86_400_000,
  nowMs: env.clock.now(),
  random: env.random,
}).certificatePem;
const server = 'https://hub.example:6443';
const token = 'header.payload.signature';
const caHash = publicKeyHash(ca);

async function write(file: string, text: string): Promise<void> {
  await env.files.write(file, Buffer.from(text), { mode: 0o600 });
}

async function refusal(source: InvitationSource): Promise<string> {
  try {
    await readInvitation(source, env);
  } catch (error) {
    return (error as Error).message; // nothing here throws anything else
  }
  return '';
}

describe('an invitation', () => {
  it('is read from a join string', async () => {
    const joinString = `${server}/?token=abcdef.0123456789abcdef&ca=${caHash}&cluster=edge7`;
    expect(await readInvitation({ joinString }, env)).to.deep.equal({
      server,
      token: 'abcdef.0123456789abcdef',
      caHash,
      cluster: 'edge7',
    });
  });

  it('is read from a bootstrap kubeconfig with a token of any form', async () => {
    await write(
      '/boot/kubeconfig',
      writeKubeconfig({ server, ca, clusterName: 'hub', credential: { token } }),
    );
    const invitation = await readInvitation({ bootstrapKubeconfig: '/boot/kubeconfig' }, env);
    expect(invitation).to.deep.equal({ server, token, caHash, ca });
  });

  it('follows the files that a bootstrap kubeconfig names, from its own folder', async () => {
    await write(
      '/mounted/kubeconfig',
      JSON.stringify({
        'current-context': 'hub',
        contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'bootstrap' } }],
        clusters: [{ name: 'hub', cluster: { server, 'certificate-authority': 'ca.crt' } }],
        users: [{ name: 'bootstrap', user: { tokenFile: 'token' } }],
      }),
    );
    await write('/mounted/ca.crt', ca);
    await write('/mounted/token', `${token}\n`);
    const invitation = await readInvitation({ bootstrapKubeconfig: '/mounted/kubeconfig' }, env);
    expect(invitation).to.deep.equal({ server, token, caHash, ca });
  });

  it('is refused with what is missing', async () => {
    const user = { 'client-certificate-data': 'eA==', 'client-key-data': 'eA==' };
    await write(
      '/boot/no-token',
      JSON.stringify({
        'current-context': 'hub',
        contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'admin' } }],
        clusters: [
          {
            name: 'hub',
            cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
          },
        ],
        users: [{ name: 'admin', user }],
      }),
    );
    expect(await refusal({ bootstrapKubeconfig: '/boot/no-token' })).to.contain('has no token');
    expect(await refusal({ bootstrapKubeconfig: '/boot/absent' })).to.contain('/boot/absent does not exist');
    expect(await refusal({})).to.contain('a join string is missing');
    expect(await refusal({ joinString: 'x', bootstrapKubeconfig: 'y' })).to.contain('not both');
  });
});
