/** What each identity of registration may do on a hub; everything else has to be refused. Read by two tests. */

import type { Identity } from './access-world.js';

/** By identity: resource/scope -> verbs. Scopes: the home cluster, another one, the hub. */
export const allowed: Readonly<Record<Identity, Readonly<Record<string, string>>>> = {
  bootstrap: {
    'managedclusters/home': 'get list watch create',
    'certificatesigningrequests/home': 'get list watch create',
  },
  agent: {
    'managedclusters/home': 'get list watch update',
    'managedclusters.status/home': 'update patch',
    'certificatesigningrequests/home': 'get list watch create',
    'leases/home': 'get list watch update',
    'manifestworks/home': 'get list watch update patch',
    'manifestworks.status/home': 'update patch',
    'managedclusteraddons/home': 'get list watch',
    'managedclusteraddons.status/home': 'update patch',
    'events/home': 'create update patch',
    'manifestworkplans/home': 'get list watch',
    'manifestworkplans.status/home': 'update patch',
    // The deletions that its user has confirmed stand there.
    'namespaces/home': 'get',
  },
  denied: { 'managedclusters/home': 'get list watch' },
  deleted: {},
  removed: {},
  expired: { 'certificatesigningrequests/home': 'get list watch create' },
  anonymous: {},
};
