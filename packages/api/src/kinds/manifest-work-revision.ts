/**
 * ManifestWorkRevision, ours: a generation of a ManifestWork that another has taken the place of. Written by the hub,
 * owned by the work, and never read by an agent. Pure data.
 */
import { flotillaGroupName } from '../names.js';
import { anyObject, dateTime, type Infer, int64, obj, required, str } from '../schema/dsl.js';
import { ageColumn, defineKind, type KindObject } from './kind.js';

const spec = obj(
  {
    workName: required(str({ description: 'Name of the ManifestWork in the same namespace.' })),
    generation: required(
      int64({ description: 'The metadata.generation that had this spec last.', minimum: 1 }),
    ),
    changedBy: str({ description: 'The user who brought this generation about; absent when not known.' }),
    changedAt: dateTime({ description: 'When that was; absent when not known.' }),
    workSpec: required(anyObject({ description: 'The spec of the work in that generation.' })),
  },
  { description: 'What the work was. It is never changed.' },
);

export type ManifestWorkRevisionSpec = Infer<typeof spec>;
export type ManifestWorkRevision = KindObject<ManifestWorkRevisionSpec>;

export const manifestWorkRevisionKind = defineKind({
  group: flotillaGroupName,
  version: 'v1alpha1',
  kind: 'ManifestWorkRevision',
  plural: 'manifestworkrevisions',
  namespaced: true,
  description:
    'A former generation of a ManifestWork, kept by the hub so that it can be looked at, compared and brought back ' +
    '(`hub works history`, `diff`, `undo`). It goes with its work.',
  spec,
  requiresSpec: true,
  columns: [
    { name: 'Work', type: 'string', jsonPath: '.spec.workName' },
    { name: 'Generation', type: 'integer', jsonPath: '.spec.generation' },
    { name: 'By', type: 'string', jsonPath: '.spec.changedBy' },
    ageColumn,
  ],
});
