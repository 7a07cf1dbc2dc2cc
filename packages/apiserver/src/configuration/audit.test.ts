import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { loadAuditPolicy } from './audit.js';

describe('audit flags', () => {
  const env = createTestEnv();
  const { signal } = new AbortController();
  const load = (options: object) => loadAuditPolicy(options, { env, signal });
  const failure = (options: object) =>
    load(options).then(
      () => '',
      (error: Error) => error.message,
    );
  const policy = (level: string) => `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: ${level}}]`;

  it('keep nothing without a path', async () => {
    expect(await load({})).to.equal(undefined);
    expect(await failure({ auditPolicyFile: '/p' })).to.match(/^--audit-policy-file needs --audit-log-path/);
  });

  it('name the file that is broken, and the field in it', async () => {
    expect(await failure({ auditLogPath: '-', auditPolicyFile: '/none' })).to.equal(
      '--audit-policy-file /none: there is no such file',
    );
    await env.files.write('/bad', policy('Much'));
    expect(await failure({ auditLogPath: '-', auditPolicyFile: '/bad' })).to.match(
      /^--audit-policy-file \/bad: rules\[0\]\.level: Unsupported value: "Much"/,
    );
  });

  it('take over a policy that changes, and keep the last good one', async () => {
    await env.files.write('/policy', policy('Metadata'));
    const current = await load({ auditLogPath: '-', auditPolicyFile: '/policy' });
    const level = () => current?.().rules[0]?.level;
    expect(level()).to.equal('Metadata');
    await env.files.write('/policy', policy('Request'));
    await env.clock.advance(15_000);
    expect(level()).to.equal('Request');
    await env.files.write('/policy', policy('Nonsense'));
    await env.clock.advance(15_000);
    expect(level()).to.equal('Request');
  });
});
