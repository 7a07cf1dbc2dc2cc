/** The names that the shells complete for `hub`: of clusters, works and certificate requests, asked of the hub. */
import { clusterNameLabel, type KubeObject } from '@flotilla/api';
import { type Env, wellKnown } from '@flotilla/kube';
import type { NameLookup, NamePlace } from '@flotilla/kube/cli';
import { type CertificateSigningRequest, isPending } from '../controllers/csr-approver.js';
import { connect } from './connect.js';

/** Somebody waits at the keyboard. */
const timeoutMs = 2000;

export function hubNames(env: Env): NameLookup {
  return async (place) => {
    if (!['cluster', 'work', 'name'].includes(place.name)) return [];
    const kubeconfig = place.options.get('kubeconfig');
    const { client, close } = await connect(env, { ...(kubeconfig !== undefined && { kubeconfig }) });
    try {
      return await namesFor(place, async (ref, more = {}) => {
        return (await client.list<KubeObject>(ref, { ...more, timeoutMs })).items;
      });
    } finally {
      await close();
    }
  };
}

type List = (
  ref: (typeof wellKnown)[keyof typeof wellKnown],
  more?: { namespace?: string; labelSelector?: string; metadataOnly?: boolean },
) => Promise<readonly KubeObject[]>;

async function namesFor({ name, command, options }: NamePlace, list: List): Promise<string[]> {
  const names = (objects: readonly KubeObject[]): string[] =>
    objects.map(({ metadata }) => metadata.name ?? '');
  if (name === 'cluster') return names(await list(wellKnown.managedClusters, { metadataOnly: true }));
  if (name === 'work') {
    const namespace = options.get('cluster');
    const within = namespace === undefined ? {} : { namespace };
    return names(await list(wellKnown.manifestWorks, { metadataOnly: true, ...within }));
  }
  if (!command.startsWith('csr ')) return [];
  const requests = await list(wellKnown.certificateSigningRequests, { labelSelector: clusterNameLabel });
  return names(requests.filter((csr) => isPending(csr as CertificateSigningRequest))); // the kind that was listed
}
