import type { Klusterlet } from '@flotilla/api';
import { expect } from 'chai';
import { readKlusterlet } from './klusterlet-settings.js';
import { planKlusterletStatus } from './klusterlet-status.js';

function klusterlet(spec: object): Klusterlet {
  return {
    apiVersion: 'operator.open-cluster-management.io/v1',
    kind: 'Klusterlet',
    metadata: { name: 'klusterlet', generation: 3 },
    spec,
  } as Klusterlet;
}

describe('a Klusterlet object', () => {
  it('that says nothing means what OCM means by that', () => {
    const { settings, unsupported, unknownGates } = readKlusterlet(klusterlet({}));
    expect(settings).to.deep.include({
      clusterName: undefined,
      namespace: 'open-cluster-management-agent',
      bootstrapSecrets: ['bootstrap-hub-kubeconfig'],
      maxCustomClusterClaims: 20,
      managedLimit: { qps: 100, burst: 200 },
      hubLimit: { qps: 50, burst: 100 },
    });
    expect([unsupported, unknownGates]).to.deep.equal([[], []]);
  });
  it('is read whole', () => {
    const { settings, unsupported } = readKlusterlet(
      klusterlet({
        clusterName: 'edge',
        namespace: 'open-cluster-management-edge',
        externalServerURLs: [{ url: 'https://edge.example', caBundle: 'YQ==' }],
        registrationConfiguration: {
          clientCertExpirationSeconds: 3600,
          clusterAnnotations: { 'agent.open-cluster-management.io/a': '1' },
          bootstrapKubeConfigs: {
            type: 'LocalSecrets',
            localSecretsConfig: {
              kubeConfigSecrets: [{ name: 'a' }, { name: 'b' }],
              hubConnectionTimeoutSeconds: 300,
            },
          },
          clusterClaimConfiguration: {
            maxCustomClusterClaims: 5,
            reservedClusterClaimSuffixes: ['.example'],
          },
          kubeAPIQPS: 1,
          kubeAPIBurst: 2,
        },
        workConfiguration: {
          featureGates: [{ feature: 'RawFeedbackJsonString', mode: 'Enable' }],
          appliedManifestWorkEvictionGracePeriod: '1h30m',
          statusSyncInterval: '10s',
          kubeAPIQPS: 3,
          kubeAPIBurst: 4,
          hubKubeAPIQPS: 5,
          hubKubeAPIBurst: 6,
        },
      }),
    );
    expect(unsupported).to.deep.equal([]);
    expect(settings).to.deep.equal({
      clusterName: 'edge',
      namespace: 'open-cluster-management-edge',
      bootstrapSecrets: ['a', 'b'],
      hubConnectionTimeoutSeconds: 300,
      clientConfigs: [{ url: 'https://edge.example', caBundle: 'YQ==' }],
      certificateSeconds: 3600,
      clusterAnnotations: { 'agent.open-cluster-management.io/a': '1' },
      maxCustomClusterClaims: 5,
      reservedClaimSuffixes: ['.example'],
      managedLimit: { qps: 4, burst: 6 },
      hubLimit: { qps: 5, burst: 6 },
      work: { rawFeedbackJson: true, evictionGracePeriodMs: 5_400_000, resyncMs: 10_000 },
    });
  });
  it('names each field that has no effect here', () => {
    const object = klusterlet({
      deployOption: { mode: 'Hosted' },
      nodePlacement: { nodeSelector: { a: 'b' } },
      registrationConfiguration: {
        featureGates: [
          { feature: 'AddonManagement', mode: 'Enable' },
          { feature: 'Nonsense', mode: 'Enable' },
        ],
        clusterAnnotations: { other: 'x' },
        registrationDriver: { authType: 'grpc' },
      },
    });
    const read = readKlusterlet(object);
    expect(read.unsupported).to.deep.equal([
      'spec.deployOption.mode',
      'spec.nodePlacement',
      'spec.registrationConfiguration.registrationDriver.authType',
      'feature gate AddonManagement (on)',
      'spec.registrationConfiguration.clusterAnnotations[other]',
    ]);
    const hub = { isDegraded: false, reason: 'HubConnectionFunctional', message: '' };
    const status = planKlusterletStatus(object, { read, failure: undefined, hub, nowMs: 0 });
    expect(status.observedGeneration).to.equal(3);
    const shown = Object.fromEntries(
      (status.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
    );
    expect(shown).to.deep.equal({
      Applied: 'True KlusterletApplied',
      Available: 'True KlusterletAvailable',
      HubConnectionDegraded: 'False HubConnectionFunctional',
      ValidFeatureGates: 'False InvalidFeatureGatesExisting',
      'flotilla.dev/FieldsHonoured': 'False FieldsWithoutEffect',
    });
  });
});
