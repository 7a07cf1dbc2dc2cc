import { expect } from 'chai';
import { Command } from 'commander';
import { addServerOptions, type ServerFlags } from './server-options.js';

function parse(...args: string[]): ServerFlags {
  const command = addServerOptions(new Command('server'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: 'user' }).opts();
}

describe('the flags of kube-apiserver', () => {
  it('are read as it reads them', () => {
    expect(
      parse(
        ...[
          '--tls-cert-file=c',
          '--tls-private-key-file=k',
          '--tls-min-version=VersionTLS13',
          '--cert-dir=d',
        ],
        ...['--anonymous-auth=false', '--authorization-mode=RBAC,AlwaysAllow', '--api-audiences=a,b'],
        ...['--service-account-issuer=i', '--service-account-issuer=j', '--service-account-key-file', 'x'],
        ...['--service-account-key-file', 'y', '--service-account-max-token-expiration=24h'],
        ...['--requestheader-allowed-names=a,b', '--requestheader-allowed-names', 'c'],
        ...['--request-timeout=1m30s', '--max-requests-inflight=7', '--oidc-required-claim=a=b'],
      ),
    ).to.deep.equal({
      tlsCertFile: 'c',
      tlsPrivateKeyFile: 'k',
      tlsMinVersion: 'VersionTLS13',
      certDir: 'd',
      anonymousAuth: false,
      authorizationMode: 'AlwaysAllow',
      apiAudiences: ['a', 'b'],
      serviceAccountIssuer: ['i', 'j'],
      serviceAccountKeyFile: ['x', 'y'],
      serviceAccountMaxTokenExpiration: 86_400_000,
      requestheaderAllowedNames: ['a', 'b', 'c'],
      requestTimeout: 90_000,
      maxRequestsInflight: 7,
      oidcRequiredClaim: ['a=b'],
    });
    expect(parse('--anonymous-auth')).to.deep.equal({ anonymousAuth: true });
    expect(parse()).to.deep.equal({});
  });

  for (const [flag, reason] of [
    ['--anonymous-auth=maybe', /give true or false/],
    ['--tls-min-version=VersionTLS10', /Allowed choices are VersionTLS12, VersionTLS13/],
    ['--service-account-max-token-expiration=10m', /at least 1h/],
    ['--authorization-mode=Node', /mode Node is not served/],
    ['--max-requests-inflight=0', /whole number above 0/],
    ['--request-timeout=10', /such as 90s/],
    ['--request-timeout=10ms', /at least 1s/],
  ] as const) {
    it(`refuse ${flag}`, () => expect(() => parse(flag)).to.throw(reason));
  }
});
