import { expect } from 'chai';
import { Command } from 'commander';
import { addKubeApiserverCommand, type KubeApiserverFlags } from './kube-apiserver.js';

interface Started {
  readonly flags: KubeApiserverFlags;
  readonly ignored: readonly string[];
}

function start(...args: string[]): Started {
  let started: Started | undefined;
  const program = new Command('apiserver')
    .option('--kubeconfig <file>', 'an option of the program itself')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  addKubeApiserverCommand(program, {
    ours: [],
    start: (flags, ignored) => {
      started = { flags, ignored };
      return Promise.resolve();
    },
  });
  program.parse(['kube-apiserver', ...args], { from: 'user' });
  if (started === undefined) throw new Error('it was not started');
  return started;
}

/** As controller-runtime's envtest passes them, sorted and with `=`. */
const envtest = [
  '--allow-privileged=true',
  '--authorization-mode=RBAC',
  '--bind-address=127.0.0.1',
  '--cert-dir=/tmp/k8s_test_framework_1',
  '--client-ca-file=/tmp/k8s_test_framework_1/client-cert-auth-ca.crt',
  '--disable-admission-plugins=ServiceAccount',
  '--etcd-servers=http://127.0.0.1:34567',
  '--secure-port=34568',
  '--service-account-issuer=https://127.0.0.1:34568/',
  '--service-account-key-file=/tmp/k8s_test_framework_1/sa-signer.crt',
  '--service-account-signing-key-file=/tmp/k8s_test_framework_1/sa-signer.key',
  '--service-cluster-ip-range=10.0.0.0/24',
];

describe('the flags of a kube-apiserver', () => {
  it('are taken as envtest gives them', () => {
    const { flags, ignored } = start(...envtest);
    expect(ignored).to.deep.equal([]);
    expect(flags).to.include({
      authorizationMode: 'RBAC',
      bindAddress: '127.0.0.1',
      certDir: '/tmp/k8s_test_framework_1',
      clientCaFile: '/tmp/k8s_test_framework_1/client-cert-auth-ca.crt',
      securePort: 34568,
      serviceAccountSigningKeyFile: '/tmp/k8s_test_framework_1/sa-signer.key',
      serviceClusterIpRange: '10.0.0.0/24',
    });
    expect(flags.disableAdmissionPlugins).to.deep.equal(['ServiceAccount']);
    expect(flags.serviceAccountIssuer).to.deep.equal(['https://127.0.0.1:34568/']);
    expect(flags.serviceAccountKeyFile).to.deep.equal(['/tmp/k8s_test_framework_1/sa-signer.crt']);
  });

  it('have the defaults of kube-apiserver', () => {
    expect(start().flags).to.deep.include({
      bindAddress: '0.0.0.0',
      securePort: 6443,
      serviceClusterIpRange: '10.0.0.0/24',
    });
  });

  it('may have their value in the next argument', () => {
    expect(start('--secure-port', '1', '--bind-address', '::1').flags).to.include({
      securePort: 1,
      bindAddress: '::1',
    });
  });

  const lists: readonly (readonly [args: readonly string[], expected: readonly string[]])[] = [
    [['--disable-admission-plugins=A,B'], ['A', 'B']],
    [
      ['--disable-admission-plugins=A', '--disable-admission-plugins', 'B, C'],
      ['A', 'B', 'C'],
    ],
    [['--disable-admission-plugins='], []],
  ];
  for (const [args, expected] of lists) {
    it(`of a list: ${args.join(' ')}`, () =>
      expect(start(...args).flags.disableAdmissionPlugins).to.deep.equal(expected));
  }

  for (const args of [['-v=5'], ['--v=5'], ['-v', '5'], ['--v', '5'], ['-v5']]) {
    it(`${args.join(' ')} is the verbosity of klog`, () => expect(start(...args).flags.v).to.equal(5));
  }

  it('of a dual-stack server: the IPv4 range', () => {
    const { flags } = start('--service-cluster-ip-range=fd00::/108,10.1.0.0/16');
    expect(flags.serviceClusterIpRange).to.equal('10.1.0.0/16');
  });

  it('that are not known are named and set aside, those after them count', () => {
    const { flags, ignored } = start(
      '--feature-gates=WatchList=true',
      '--runtime-config',
      'api/all=true',
      '--profiling',
      '--watch-cache=false',
      '--kubeconfig=x',
      '--secure-port=7',
    );
    expect(ignored).to.deep.equal([
      'feature-gates',
      'runtime-config',
      'profiling',
      'watch-cache',
      'kubeconfig',
    ]);
    expect(flags.securePort).to.equal(7);
  });

  for (const [args, message] of [
    ['--secure-port=http', 'give a port from 0 to 65535'],
    ['--secure-port=65536', 'give a port from 0 to 65535'],
    ['--service-cluster-ip-range=fd00::/108', 'give an IPv4 range'],
    ['--authorization-mode=Webhook', 'the mode Webhook is not served'],
    ['-v=much', 'give a number'],
    ['--cert-dir', 'argument missing'],
  ] as const) {
    it(`refuse ${args}`, () => expect(() => start(args)).to.throw(message));
  }
});
