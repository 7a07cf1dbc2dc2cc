/** AppliedManifestWork: the klusterlet's memory, in the managed cluster, of what it applied for a work. Pure data. */
import { workGroupName } from '../names.js';
import { dateTime, type Infer, list, obj, required, str } from '../schema/dsl.js';
import { defineKind, type KindObject } from './kind.js';

const appliedResource = obj(
  {
    group: str({ description: 'API group; empty for the core group.' }),
    version: required(str({ description: 'API version.' })),
    resource: required(str({ description: 'Resource, that is the plural in lower case.' })),
    name: required(str({ description: 'Name of the object.' })),
    namespace: str({ description: 'Namespace of the object; empty when it has none.' }),
    uid: str({
      description:
        'Identity of the object when it was applied. Another object of that name is not ours to delete.',
    }),
  },
  { description: 'One object that was applied.' },
);

const spec = obj(
  {
    hubHash: required(str({ description: 'SHA-256 of the address of the hub, in hexadecimal.' })),
    agentID: str({ description: 'The klusterlet that applied the work.' }),
    manifestWorkName: required(str({ description: 'Name of the ManifestWork on the hub.' })),
  },
  { description: 'Which work of which hub this stands for.' },
);

const status = obj(
  {
    appliedResources: list(appliedResource, {
      description: 'Objects in the cluster that the work owns, those that are being deleted included.',
    }),
    evictionStartTime: dateTime({
      description:
        'Since when the work is missed on the hub. After a grace period everything it owns is deleted.',
    }),
  },
  { description: 'What was applied.' },
);

export type AppliedManifestWorkSpec = Infer<typeof spec>;
export type AppliedManifestWorkStatus = Infer<typeof status>;
export type AppliedManifestResourceMeta = Infer<typeof appliedResource>;
export type AppliedManifestWork = KindObject<AppliedManifestWorkSpec, AppliedManifestWorkStatus>;

export const appliedManifestWorkKind = defineKind({
  group: workGroupName,
  version: 'v1',
  kind: 'AppliedManifestWork',
  plural: 'appliedmanifestworks',
  namespaced: false,
  description:
    'What the klusterlet has applied in this cluster for one ManifestWork. It owns the applied objects, and ' +
    'outlives the connection to the hub. Named <hub hash>-<work name>.',
  spec,
  status,
});
