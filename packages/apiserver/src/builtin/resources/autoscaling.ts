/**
 * Horizontal pod autoscalers in their three versions. Stored in the newest; v1 keeps what it cannot say in
 * annotations, as Kubernetes does, so that nothing is lost on the way through it.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, numberAt, objectAt, objectsAt, textAt } from '../access.js';
import { ageColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts, Conversion } from '../define.js';

const { invalid, required } = fieldErrors;

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const currentAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics';
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';

function cpuMetric(utilization: unknown): JsonObject {
  return {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: utilization } },
  };
}

function isCpuUtilization(metric: JsonObject): boolean {
  return (
    textAt(metric, 'type') === 'Resource' &&
    textAt(metric, 'resource', 'name') === 'cpu' &&
    textAt(metric, 'resource', 'target', 'type') === 'Utilization'
  );
}

function parseAnnotation(annotations: Readonly<Record<string, string>>, key: string): unknown {
  const text = annotations[key];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // not ours: nothing was kept there
    throw error;
  }
}

/** v1 <-> v2. */
const firstVersion: Conversion = {
  toStorage(object) {
    const { targetCPUUtilizationPercentage: target, ...spec } = objectAt(object, 'spec');
    const { currentCPUUtilizationPercentage: current, ...status } = objectAt(object, 'status');
    const annotations = { ...object.metadata.annotations };
    const kept = parseAnnotation(annotations, metricsAnnotation);
    const behavior = parseAnnotation(annotations, behaviorAnnotation);
    const keptCurrent = parseAnnotation(annotations, currentAnnotation);
    const conditions = parseAnnotation(annotations, conditionsAnnotation);
    for (const key of [metricsAnnotation, currentAnnotation, conditionsAnnotation, behaviorAnnotation]) {
      delete annotations[key];
    }
    const metrics = [
      ...(typeof target === 'number' ? [cpuMetric(target)] : []),
      ...(Array.isArray(kept) ? kept : []),
    ];
    const currentMetrics = [
      ...(typeof current === 'number'
        ? [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]
        : []),
      ...(Array.isArray(keptCurrent) ? keptCurrent : []),
    ];
    const { annotations: _, ...metadata } = object.metadata;
    return {
      ...object,
      metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
      spec: { ...spec, ...(metrics.length > 0 && { metrics }), ...(isObject(behavior) && { behavior }) },
      status: {
        ...status,
        currentMetrics: currentMetrics.length > 0 ? currentMetrics : null,
        ...(Array.isArray(conditions) && { conditions }),
      },
    };
  },
  fromStorage(object) {
    const { metrics: _m, behavior, ...spec } = objectAt(object, 'spec');
    const { currentMetrics: _c, conditions, ...status } = objectAt(object, 'status');
    const metrics = objectsAt(object, 'spec', 'metrics');
    const cpu = metrics.find(isCpuUtilization);
    const others = metrics.filter((metric) => metric !== cpu);
    const current = objectsAt(object, 'status', 'currentMetrics');
    const cpuNow = current.find((metric) => textAt(metric, 'resource', 'name') === 'cpu');
    const othersNow = current.filter((metric) => metric !== cpuNow);
    const annotations = { ...object.metadata.annotations };
    if (others.length > 0) annotations[metricsAnnotation] = JSON.stringify(others);
    if (othersNow.length > 0) annotations[currentAnnotation] = JSON.stringify(othersNow);
    if (Array.isArray(conditions) && conditions.length > 0)
      annotations[conditionsAnnotation] = JSON.stringify(conditions);
    if (isObject(behavior)) annotations[behaviorAnnotation] = JSON.stringify(behavior);
    const target = at(cpu, 'resource', 'target', 'averageUtilization');
    const now = at(cpuNow, 'resource', 'current', 'averageUtilization');
    return {
      ...object,
      metadata: { ...object.metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
      spec: { ...spec, ...(typeof target === 'number' && { targetCPUUtilizationPercentage: target }) },
      status: { ...status, ...(typeof now === 'number' && { currentCPUUtilizationPercentage: now }) },
    };
  },
};

function targetText(object: KubeObject): string {
  const metrics = objectsAt(object, 'spec', 'metrics');
  if (metrics.length === 0) return '<none>';
  const current = objectsAt(object, 'status', 'currentMetrics');
  const shown = metrics.slice(0, 2).map((metric, index) => metricText(metric, current[index]));
  const more = metrics.length > 2 ? ` + ${metrics.length - 2} more...` : '';
  return `${shown.join(', ')}${more}`;
}

function metricText(metric: JsonObject, current: JsonObject | undefined): string {
  const source = textAt(metric, 'type');
  const key = source.charAt(0).toLowerCase() + source.slice(1);
  const target = objectAt(metric, key, 'target');
  const now = objectAt(current, key, 'current');
  const label = textAt(metric, key, 'name');
  const prefix = label === '' ? '' : `${label}: `;
  if (typeof target['averageUtilization'] === 'number') {
    const percent =
      typeof now['averageUtilization'] === 'number' ? `${now['averageUtilization']}%` : '<unknown>';
    return `${prefix}${percent}/${target['averageUtilization']}%`;
  }
  const wanted = String(target['averageValue'] ?? target['value'] ?? '<auto>');
  const value = String(now['averageValue'] ?? now['value'] ?? '<unknown>');
  return `${prefix}${value}/${wanted}${target['averageValue'] === undefined ? '' : ' (avg)'}`;
}

function oldTargetText(object: KubeObject): string {
  const target = at(object, 'spec', 'targetCPUUtilizationPercentage');
  const current = at(object, 'status', 'currentCPUUtilizationPercentage');
  if (typeof target !== 'number') return '<none>';
  return `cpu: ${typeof current === 'number' ? `${current}%` : '<unknown>'}/${target}%`;
}

function columnsWith(target: (object: KubeObject) => string): BuiltinFacts['columns'] {
  return [
    nameColumn,
    textColumn('Reference', (object) => {
      const ref = objectAt(object, 'spec', 'scaleTargetRef');
      return `${textAt(ref, 'kind')}/${textAt(ref, 'name')}`;
    }),
    textColumn('Targets', target),
    textColumn('MinPods', (object) => String(at(object, 'spec', 'minReplicas') ?? '<unset>')),
    { name: 'MaxPods', type: 'integer', value: (object) => numberAt(object, 'spec', 'maxReplicas') },
    { name: 'Replicas', type: 'integer', value: (object) => numberAt(object, 'status', 'currentReplicas') },
    ageColumn,
  ];
}

export const horizontalPodAutoscalers: BuiltinFacts = {
  group: 'autoscaling',
  resource: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: columnsWith(targetText) ?? [],
  defaults(object) {
    const spec = ensure(object, 'spec');
    fill(spec, { minReplicas: 1 });
    if (object.apiVersion !== 'autoscaling/v1' && objectsAt(spec, 'metrics').length === 0) {
      spec['metrics'] = [cpuMetric(80)];
    }
  },
  validate(object) {
    const errors: FieldError[] = [];
    const max = numberAt(object, 'spec', 'maxReplicas');
    const min = numberAt(object, 'spec', 'minReplicas');
    if (min < 1) errors.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
    if (max < 1) errors.push(invalid('spec.maxReplicas', max, 'must be greater than 0'));
    else if (max < min)
      errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
    for (const key of ['kind', 'name']) {
      if (textAt(object, 'spec', 'scaleTargetRef', key) === '')
        errors.push(required(`spec.scaleTargetRef.${key}`));
    }
    return errors;
  },
  // An old cluster (before v2) stores v1 itself and needs no conversion to it.
  conversions: { 'autoscaling/v1': firstVersion },
  overrides: { 'autoscaling/v1': { columns: columnsWith(oldTargetText) ?? [] } },
};
