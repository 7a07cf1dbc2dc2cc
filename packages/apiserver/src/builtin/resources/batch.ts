/**
 * Jobs and CronJobs: defaults, the selector and labels that a Job generates for its pods, its immutable template.
 */
import {
  equal,
  type FieldError,
  fieldErrors,
  formatAge,
  isObject,
  type KubeObject,
  parseTime,
} from '@flotilla/api';
import { at, ensure, fill, listAt, numberAt, objectAt, objectsAt, textAt } from '../access.js';
import {
  ageColumn,
  ageOf,
  containerColumns,
  countColumn,
  fieldColumn,
  nameColumn,
  selectorColumn,
  textColumn,
} from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { validateImmutable, validateTemplateSelector } from '../validation.js';
import { defaultPodTemplate } from './pod-defaults.js';
import { validatePodTemplate } from './pod-validation.js';

const { invalid, required } = fieldErrors;

const uidLabel = 'batch.kubernetes.io/controller-uid';
const nameLabel = 'batch.kubernetes.io/job-name';
const restartPolicies = ['Never', 'OnFailure'];

function defaultJobSpec(spec: Record<string, unknown>): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) {
    fill(spec, { completions: 1, parallelism: 1 });
  }
  fill(spec, { parallelism: 1, completionMode: 'NonIndexed', suspend: false, manualSelector: false });
  if (spec['backoffLimit'] === undefined) {
    spec['backoffLimit'] = spec['backoffLimitPerIndex'] === undefined ? 6 : 2_147_483_647;
  }
  fill(spec, { podReplacementPolicy: isObject(spec['podFailurePolicy']) ? 'Failed' : 'TerminatingOrFailed' });
  if (isObject(spec['template'])) defaultPodTemplate(spec['template']);
}

/** Pods of this Job and no other: labels on the template, and a selector on its uid. */
function generateSelector(object: KubeObject): void {
  const spec = ensure(object, 'spec');
  if (spec['manualSelector'] === true) return;
  const uid = object.metadata.uid ?? '';
  const name = object.metadata.name ?? '';
  const metadata = ensure(ensure(spec, 'template'), 'metadata');
  metadata['labels'] = {
    ...objectAt(metadata, 'labels'),
    'controller-uid': uid,
    'job-name': name,
    [uidLabel]: uid,
    [nameLabel]: name,
  };
  const selector = ensure(spec, 'selector');
  selector['matchLabels'] = { ...objectAt(selector, 'matchLabels'), [uidLabel]: uid };
}

function validateJobSpec(spec: unknown, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of [
    'parallelism',
    'completions',
    'backoffLimit',
    'activeDeadlineSeconds',
    'ttlSecondsAfterFinished',
  ]) {
    const value = numberAt(spec, key);
    if (value < 0) errors.push(invalid(`${field}.${key}`, value, 'must be greater than or equal to 0'));
  }
  if (textAt(spec, 'completionMode') === 'Indexed' && at(spec, 'completions') === undefined) {
    errors.push(required(`${field}.completions`, 'when completion mode is Indexed'));
  }
  errors.push(
    ...validatePodTemplate(objectAt(spec, 'template'), { field: `${field}.template`, restartPolicies }),
  );
  return errors;
}

function hasCondition(object: KubeObject, type: string): boolean {
  return objectsAt(object, 'status', 'conditions').some(
    (one) => textAt(one, 'type') === type && textAt(one, 'status') === 'True',
  );
}

function jobStatus(object: KubeObject): string {
  if (hasCondition(object, 'Complete')) return 'Complete';
  if (hasCondition(object, 'Failed')) return 'Failed';
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (hasCondition(object, 'Suspended')) return 'Suspended';
  if (hasCondition(object, 'FailureTarget')) return 'FailureTarget';
  if (hasCondition(object, 'SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

function completions(object: KubeObject): string {
  const done = numberAt(object, 'status', 'succeeded');
  const wanted = at(object, 'spec', 'completions');
  if (typeof wanted === 'number') return `${done}/${wanted}`;
  const parallel = numberAt(object, 'spec', 'parallelism');
  return parallel > 1 ? `${done}/1 of ${parallel}` : `${done}/1`;
}

function duration(object: KubeObject, nowMs: number): string {
  const start = textAt(object, 'status', 'startTime');
  if (start === '') return '';
  const end = textAt(object, 'status', 'completionTime');
  return formatAge((end === '' ? nowMs : parseTime(end)) - parseTime(start));
}

const jobs: BuiltinFacts = {
  group: 'batch',
  resource: 'jobs',
  kind: 'Job',
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  selectableFields: { 'status.successful': (object) => String(numberAt(object, 'status', 'succeeded')) },
  columns: [
    nameColumn,
    textColumn('Status', jobStatus),
    textColumn('Completions', completions),
    textColumn('Duration', duration),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  defaults: (object) => defaultJobSpec(ensure(object, 'spec')),
  create: generateSelector,
  update(object, old) {
    // Generated at creation; a client that sends its manifest again does not know them.
    const spec = ensure(object, 'spec');
    const before = objectAt(old, 'spec');
    if (at(spec, 'selector') === undefined) spec['selector'] = before['selector'];
    if (before['manualSelector'] === true) return;
    const template = ensure(spec, 'template');
    const labels = objectAt(before, 'template', 'metadata', 'labels');
    const generated = Object.fromEntries(
      ['controller-uid', 'job-name', uidLabel, nameLabel]
        .filter((key) => labels[key] !== undefined)
        .map((key) => [key, labels[key]]),
    );
    const metadata = ensure(template, 'metadata');
    metadata['labels'] = { ...objectAt(metadata, 'labels'), ...generated };
  },
  validate: (object) => [
    ...validateJobSpec(objectAt(object, 'spec'), 'spec'),
    ...validateTemplateSelector(object),
  ],
  validateUpdate(object, old) {
    const errors = validateImmutable(object, old, [
      'spec.selector',
      'spec.completionMode',
      'spec.podFailurePolicy',
    ]);
    // A suspended Job that never started may still be placed elsewhere.
    const movable = at(old, 'spec', 'suspend') === true && textAt(old, 'status', 'startTime') === '';
    if (!movable && !equal(at(object, 'spec', 'template'), at(old, 'spec', 'template'))) {
      errors.push(invalid('spec.template', at(object, 'spec', 'template'), 'field is immutable'));
    }
    if (textAt(object, 'spec', 'completionMode') !== 'Indexed') {
      errors.push(...validateImmutable(object, old, ['spec.completions']));
    }
    return errors;
  },
};

const cronFields =
  /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+|((TZ|CRON_TZ)=\S+ )?(\S+ +){4}\S+)$/;

const cronJobs: BuiltinFacts = {
  group: 'batch',
  resource: 'cronjobs',
  kind: 'CronJob',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    fieldColumn('Schedule', ['spec', 'schedule']),
    textColumn('Timezone', (object) => textAt(object, 'spec', 'timeZone') || '<none>'),
    textColumn('Suspend', (object) => (at(object, 'spec', 'suspend') === true ? 'True' : 'False')),
    { ...countColumn('Active'), value: (object) => listAt(object, 'status', 'active').length },
    textColumn('Last Schedule', (object, nowMs) => {
      const last = textAt(object, 'status', 'lastScheduleTime');
      return last === '' ? '<none>' : ageOf(last, nowMs);
    }),
    ageColumn,
    ...containerColumns.map((column) => ({
      ...column,
      value: (object: KubeObject) =>
        objectsAt(object, 'spec', 'jobTemplate', 'spec', 'template', 'spec', 'containers')
          .map((one) => textAt(one, column.name === 'Images' ? 'image' : 'name'))
          .join(','),
    })),
    textColumn('Selector', () => '<none>', { wide: true }),
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    const template = objectAt(spec, 'jobTemplate', 'spec', 'template');
    // The Job fills in the rest when it is made.
    if (Object.keys(template).length > 0) defaultPodTemplate(template);
  },
  validate(object) {
    const errors: FieldError[] = [];
    const schedule = textAt(object, 'spec', 'schedule');
    if (schedule === '') errors.push(required('spec.schedule'));
    else if (!cronFields.test(schedule)) {
      errors.push(
        invalid(
          'spec.schedule',
          schedule,
          `expected exactly 5 fields, found ${schedule.split(/\s+/).length}: [${schedule}]`,
        ),
      );
    }
    if ((object.metadata.name ?? '').length > 52) {
      errors.push(invalid('metadata.name', object.metadata.name, 'must be no more than 52 characters'));
    }
    errors.push(...validateJobSpec(objectAt(object, 'spec', 'jobTemplate', 'spec'), 'spec.jobTemplate.spec'));
    return errors;
  },
};

export const batchResources: readonly BuiltinFacts[] = [jobs, cronJobs];
