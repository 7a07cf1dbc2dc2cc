/**
 * Roles and bindings. Names may hold any path segment, `roleRef` never changes, API groups of references are filled
 * in. Whether a caller may grant what a role holds is decided by authorization, not here.
 */
import { type FieldError, fieldErrors, type KubeObject } from '@flotilla/api';
import { at, fill, objectAt, objectsAt, textAt, textsAt } from '../access.js';
import { ageColumn, createdAtColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { sameValue } from '../validation.js';

const { invalid, notSupported, required } = fieldErrors;

const group = 'rbac.authorization.k8s.io';
const strategy = { nameRule: 'path', allowCreateOnUpdate: true } as const;

function validateRules(object: KubeObject, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  objectsAt(object, 'rules').forEach((rule, index) => {
    const field = `rules[${index}]`;
    if (textsAt(rule, 'verbs').length === 0) {
      errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
    }
    const urls = textsAt(rule, 'nonResourceURLs');
    if (urls.length > 0) {
      if (namespaced) {
        errors.push(
          invalid(`${field}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'),
        );
      }
      if (['apiGroups', 'resources', 'resourceNames'].some((key) => textsAt(rule, key).length > 0)) {
        errors.push(
          invalid(
            `${field}.nonResourceURLs`,
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      }
      return;
    }
    if (textsAt(rule, 'apiGroups').length === 0) {
      errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
    }
    if (textsAt(rule, 'resources').length === 0) {
      errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
    }
  });
  return errors;
}

function defaultBinding(object: KubeObject): void {
  fill(objectAt(object, 'roleRef'), { apiGroup: group });
  for (const subject of objectsAt(object, 'subjects')) {
    const kind = textAt(subject, 'kind');
    if (kind === 'User' || kind === 'Group') fill(subject, { apiGroup: group });
  }
}

function validateBinding(object: KubeObject, kinds: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const kind = textAt(object, 'roleRef', 'kind');
  const apiGroup = textAt(object, 'roleRef', 'apiGroup');
  if (apiGroup !== group) errors.push(notSupported('roleRef.apiGroup', apiGroup, [group]));
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (textAt(object, 'roleRef', 'name') === '') errors.push(required('roleRef.name'));
  objectsAt(object, 'subjects').forEach((subject, index) => {
    const field = `subjects[${index}]`;
    const subjectKind = textAt(subject, 'kind');
    if (textAt(subject, 'name') === '') errors.push(required(`${field}.name`));
    if (subjectKind === 'ServiceAccount') {
      if (textAt(subject, 'apiGroup') !== '') {
        errors.push(notSupported(`${field}.apiGroup`, textAt(subject, 'apiGroup'), ['']));
      }
      if (textAt(subject, 'namespace') === '') errors.push(required(`${field}.namespace`));
    } else if (subjectKind === 'User' || subjectKind === 'Group') {
      if (textAt(subject, 'apiGroup') !== group) {
        errors.push(notSupported(`${field}.apiGroup`, textAt(subject, 'apiGroup'), [group]));
      }
    } else {
      errors.push(notSupported(`${field}.kind`, subjectKind, ['ServiceAccount', 'User', 'Group']));
    }
  });
  return errors;
}

function validateRoleRef(object: KubeObject, old: KubeObject): FieldError[] {
  return sameValue(at(object, 'roleRef'), at(old, 'roleRef'))
    ? []
    : [invalid('roleRef', object['roleRef'], 'cannot change roleRef')];
}

function subjectNames(object: KubeObject, kind: string): string {
  return objectsAt(object, 'subjects')
    .filter((subject) => subject['kind'] === kind)
    .map((subject) =>
      kind === 'ServiceAccount'
        ? `${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`
        : textAt(subject, 'name'),
    )
    .join(', ');
}

const bindingColumns = [
  nameColumn,
  textColumn('Role', (object) => `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`),
  ageColumn,
  textColumn('Users', (object) => subjectNames(object, 'User'), { wide: true }),
  textColumn('Groups', (object) => subjectNames(object, 'Group'), { wide: true }),
  textColumn('ServiceAccounts', (object) => subjectNames(object, 'ServiceAccount'), { wide: true }),
];

const roles: BuiltinFacts = {
  group,
  resource: 'roles',
  kind: 'Role',
  namespaced: true,
  hub: true,
  columns: [nameColumn, createdAtColumn],
  strategy,
  validate: (object) => validateRules(object, true),
};

const clusterRoles: BuiltinFacts = {
  group,
  resource: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
  hub: true,
  columns: [nameColumn, createdAtColumn],
  strategy,
  validate: (object) => validateRules(object, false),
};

const roleBindings: BuiltinFacts = {
  group,
  resource: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
  hub: true,
  columns: bindingColumns,
  strategy,
  defaults: defaultBinding,
  validate: (object) => validateBinding(object, ['Role', 'ClusterRole']),
  validateUpdate: validateRoleRef,
};

const clusterRoleBindings: BuiltinFacts = {
  group,
  resource: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  hub: true,
  columns: bindingColumns,
  strategy,
  defaults: defaultBinding,
  validate: (object) => validateBinding(object, ['ClusterRole']),
  validateUpdate: validateRoleRef,
};

/** The RBAC resources. */
export const rbacResources: readonly BuiltinFacts[] = [
  roles,
  clusterRoles,
  roleBindings,
  clusterRoleBindings,
];
