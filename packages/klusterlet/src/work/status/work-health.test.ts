import type { Condition, ManifestCondition } from '@flotilla/api';
import { expect } from 'chai';
import { planHealth } from './work-health.js';

const time = '2026-01-01T00:00:00Z';
const condition = (
  type: string,
  status: Condition['status'],
  [reason, message]: [string, string],
): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: time,
});
const applied = condition('Applied', 'True', ['AppliedManifestComplete', '']);

function entry(name: string, ...conditions: Condition[]): ManifestCondition {
  const resourceMeta = {
    ordinal: 0,
    group: 'apps',
    resource: 'deployments',
    kind: 'Deployment',
    namespace: 'd',
    name,
  };
  return { resourceMeta, conditions: [applied, ...conditions] };
}

const healthy = condition('Healthy', 'True', ['HealthCurrent', 'The deployment is available']);
const onItsWay = condition('Healthy', 'False', ['HealthInProgress', '1 of 3 replicas are available']);
const broken = condition('Healthy', 'False', ['HealthFailed', 'It made no progress']);

const show = (...entries: ManifestCondition[]): string[] =>
  planHealth(entries).map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`);

describe('health of a work', () => {
  it('is good when all its objects are', () => {
    expect(show(entry('a', healthy), entry('b', healthy))).to.deep.equal([
      'Healthy=True HealthCurrent: All resources are healthy',
      'Progressing=False HealthCurrent: No resource is in progress',
      'Degraded=False HealthCurrent: No resource has failed',
    ]);
  });

  it('names what is on its way', () => {
    expect(show(entry('a', onItsWay), entry('b', healthy))).to.deep.equal([
      'Healthy=False HealthInProgress: deployments d/a: 1 of 3 replicas are available',
      'Progressing=True HealthInProgress: deployments d/a: 1 of 3 replicas are available',
      'Degraded=False HealthCurrent: No resource has failed',
    ]);
  });

  it('puts a failure before what is on its way, unlike the aggregation of rules', () => {
    expect(show(entry('a', onItsWay), entry('b', broken))).to.deep.equal([
      'Healthy=False HealthFailed: deployments d/a: 1 of 3 replicas are available; deployments d/b: It made no progress',
      'Progressing=True HealthInProgress: deployments d/a: 1 of 3 replicas are available',
      'Degraded=True HealthFailed: deployments d/b: It made no progress',
    ]);
  });

  it('tells of a manifest without a name by its place', () => {
    const refused = condition('Applied', 'False', ['AppliedManifestFailed', 'name must be set in manifest']);
    const nameless = { resourceMeta: { ordinal: 3 }, conditions: [refused] };
    expect(show(nameless)[0]).to.match(/: manifest 3: name must be set in manifest$/);
  });

  it('is not good when a manifest is not applied, whatever its object is', () => {
    const refused = condition('Applied', 'False', ['AppliedManifestFailed', 'Failed to apply manifest: no']);
    const [first] = show({ ...entry('a'), conditions: [refused, healthy] });
    expect(first).to.equal('Healthy=False HealthNotApplied: deployments d/a: Failed to apply manifest: no');
  });

  it('is not known when that of an object is not', () => {
    const [first] = show(entry('a'), entry('b', healthy));
    expect(first).to.equal('Healthy=Unknown HealthUnknown: deployments d/a: The health is not known');
  });

  it('leaves Progressing and Degraded to rules that define them, and takes their word on Healthy', () => {
    const ruled = condition('Progressing', 'True', ['ConditionRuleEvaluated', 'm']);
    const wrong = condition('Healthy', 'False', ['ConditionRuleEvaluated', 'no leader']);
    expect(show(entry('a', healthy, ruled), entry('b', wrong))).to.deep.equal([
      'Healthy=False HealthInProgress: deployments d/b: no leader',
      'Degraded=False HealthCurrent: No resource has failed',
    ]);
  });

  it('names three and counts the rest', () => {
    const [first] = show(...['a', 'b', 'c', 'd', 'e'].map((name) => entry(name, onItsWay)));
    expect(first).to.match(/d\/c: 1 of 3 replicas are available; and 2 more$/);
  });
});
