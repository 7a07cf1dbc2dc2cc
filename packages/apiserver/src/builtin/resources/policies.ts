/** Disruption budgets, autoscalers, leases, priority and runtime classes, flow control, API services. */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, numberAt, objectAt, objectsAt, textAt } from '../access.js';
import { ageColumn, countColumn, fieldColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { validateImmutable } from '../validation.js';
import { horizontalPodAutoscalers } from './autoscaling.js';

const { invalid, required } = fieldErrors;

function orNotAvailable(value: unknown): string {
  return value === undefined || value === null ? 'N/A' : String(value);
}

const podDisruptionBudgets: BuiltinFacts = {
  group: 'policy',
  resource: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  shortNames: ['pdb'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('Min Available', (object) => orNotAvailable(at(object, 'spec', 'minAvailable'))),
    textColumn('Max Unavailable', (object) => orNotAvailable(at(object, 'spec', 'maxUnavailable'))),
    countColumn('Allowed Disruptions', 'status', 'disruptionsAllowed'),
    ageColumn,
  ],
  validate(object) {
    const spec = objectAt(object, 'spec');
    const both = spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined;
    return both ? [invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')] : [];
  },
};

const leases: BuiltinFacts = {
  group: 'coordination.k8s.io',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
  hub: true,
  strategy: { allowCreateOnUpdate: true },
  columns: [nameColumn, fieldColumn('Holder', ['spec', 'holderIdentity']), ageColumn],
  validate(object) {
    const errors: FieldError[] = [];
    const duration = at(object, 'spec', 'leaseDurationSeconds');
    if (typeof duration === 'number' && duration <= 0) {
      errors.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    const transitions = numberAt(object, 'spec', 'leaseTransitions');
    if (transitions < 0) {
      errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return errors;
  },
};

/** Above this only the system's own classes may be. */
const highestUserPriority = 1_000_000_000;

const priorityClasses: BuiltinFacts = {
  group: 'scheduling.k8s.io',
  resource: 'priorityclasses',
  kind: 'PriorityClass',
  shortNames: ['pc'],
  namespaced: false,
  hub: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    countColumn('Value', 'value'),
    { name: 'Global-Default', type: 'boolean', value: (object) => object['globalDefault'] === true },
    ageColumn,
    fieldColumn('PreemptionPolicy', ['preemptionPolicy']),
  ],
  defaults: (object) => fill(object, { preemptionPolicy: 'PreemptLowerPriority' }),
  validate(object) {
    const value = numberAt(object, 'value');
    const isSystem = (object.metadata.name ?? '').startsWith('system-');
    return !isSystem && value > highestUserPriority
      ? [
          invalid(
            'value',
            value,
            `maximum allowed value of a user defined priority is ${highestUserPriority}`,
          ),
        ]
      : [];
  },
  validateUpdate: (object, old) => validateImmutable(object, old, ['value', 'preemptionPolicy']),
};

const runtimeClasses: BuiltinFacts = {
  group: 'node.k8s.io',
  resource: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
  columns: [nameColumn, fieldColumn('Handler', ['handler']), ageColumn],
  validate: (object) => (textAt(object, 'handler') === '' ? [required('handler')] : []),
  validateUpdate: (object, old) => validateImmutable(object, old, ['handler']),
};

const flowControl = 'flowcontrol.apiserver.k8s.io';

const flowSchemas: BuiltinFacts = {
  group: flowControl,
  resource: 'flowschemas',
  kind: 'FlowSchema',
  namespaced: false,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    fieldColumn('PriorityLevel', ['spec', 'priorityLevelConfiguration', 'name']),
    countColumn('MatchingPrecedence', 'spec', 'matchingPrecedence'),
    textColumn(
      'DistinguisherMethod',
      (object) => textAt(object, 'spec', 'distinguisherMethod', 'type') || '<none>',
    ),
    ageColumn,
    textColumn('MissingPL', (object) => {
      const dangling = objectsAt(object, 'status', 'conditions').find(
        (one) => textAt(one, 'type') === 'Dangling',
      );
      return textAt(dangling, 'status') || '?';
    }),
  ],
  defaults: (object) => fill(ensure(object, 'spec'), { matchingPrecedence: 1000 }),
};

function limitedSpec(object: KubeObject): JsonObject {
  return objectAt(object, 'spec', 'limited');
}

const priorityLevels: BuiltinFacts = {
  group: flowControl,
  resource: 'prioritylevelconfigurations',
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    fieldColumn('Type', ['spec', 'type']),
    textColumn('NominalConcurrencyShares', (object) =>
      String(limitedSpec(object)['nominalConcurrencyShares'] ?? '<none>'),
    ),
    textColumn('Queues', (object) =>
      String(at(limitedSpec(object), 'limitResponse', 'queuing', 'queues') ?? '<none>'),
    ),
    textColumn('HandSize', (object) =>
      String(at(limitedSpec(object), 'limitResponse', 'queuing', 'handSize') ?? '<none>'),
    ),
    textColumn('QueueLengthLimit', (object) =>
      String(at(limitedSpec(object), 'limitResponse', 'queuing', 'queueLengthLimit') ?? '<none>'),
    ),
    ageColumn,
  ],
  defaults(object) {
    const { limited } = ensure(object, 'spec');
    if (!isObject(limited)) return;
    limited['nominalConcurrencyShares'] ??= 30;
    limited['lendablePercent'] ??= 0;
    const queuing = at(limited, 'limitResponse', 'queuing');
    if (isObject(queuing)) fill(queuing, { queues: 64, handSize: 8, queueLengthLimit: 50 });
  },
};

function isAvailable(object: KubeObject): string {
  const condition = objectsAt(object, 'status', 'conditions').find(
    (one) => textAt(one, 'type') === 'Available',
  );
  if (textAt(condition, 'status') === 'True') return 'True';
  return condition === undefined
    ? 'Unknown'
    : `${textAt(condition, 'status')} (${textAt(condition, 'reason')})`;
}

const apiServices: BuiltinFacts = {
  group: 'apiregistration.k8s.io',
  resource: 'apiservices',
  kind: 'APIService',
  categories: ['api-extensions'],
  namespaced: false,
  hub: true,
  hasStatus: true,
  strategy: { tracksGeneration: true, nameRule: 'path' },
  columns: [
    nameColumn,
    textColumn('Service', (object) => {
      const service = at(object, 'spec', 'service');
      return isObject(service) ? `${textAt(service, 'namespace')}/${textAt(service, 'name')}` : 'Local';
    }),
    textColumn('Available', isAvailable),
    ageColumn,
  ],
  defaults(object) {
    const service = at(object, 'spec', 'service');
    if (isObject(service)) fill(service, { port: 443 });
  },
  create(object, context) {
    if (isObject(at(object, 'spec', 'service'))) return;
    const lastTransitionTime = `${new Date(context.nowMs).toISOString().slice(0, 19)}Z`;
    object['status'] = {
      conditions: [
        {
          type: 'Available',
          status: 'True',
          lastTransitionTime,
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ],
    };
  },
  validate(object) {
    const errors: FieldError[] = [];
    const expected = `${textAt(object, 'spec', 'version')}.${textAt(object, 'spec', 'group')}`;
    if (object.metadata.name !== expected) {
      errors.push(
        invalid(
          'metadata.name',
          object.metadata.name,
          `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(expected)}`,
        ),
      );
    }
    for (const key of ['groupPriorityMinimum', 'versionPriority']) {
      const value = numberAt(object, 'spec', key);
      const limit = key === 'versionPriority' ? 1000 : 20_000;
      if (value <= 0 || value > limit)
        errors.push(invalid(`spec.${key}`, value, `must be positive and less than ${limit}`));
    }
    return errors;
  },
};

export const policyResources: readonly BuiltinFacts[] = [
  podDisruptionBudgets,
  horizontalPodAutoscalers,
  leases,
  priorityClasses,
  runtimeClasses,
  flowSchemas,
  priorityLevels,
  apiServices,
];
