import type { KubeObject } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { expect } from 'chai';
import { defaultHubPolicies } from '../policies.js';
import { annotatedPlanRule } from './plan-rules.js';

function work(plan: string | undefined, value = 'a', more: object = {}): KubeObject {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: {
      name: 'w',
      namespace: 'c1',
      ...(plan !== undefined && { annotations: { 'flotilla.dev/plan': plan } }),
      ...more,
    },
    spec: { value },
  };
}

/** A hub whose cluster has these claims. */
function hub(claims: readonly string[]): KubeClient {
  const items = [{ status: { clusterClaims: claims.map((name) => ({ name, value: 'v1' })) } }];
  return { list: async () => ({ items }) } as unknown as KubeClient; // the one call that the rule makes
}

async function problem(
  object: KubeObject,
  old?: KubeObject,
  claims: readonly string[] = [],
): Promise<string> {
  const request = {
    operation: old ? ('UPDATE' as const) : ('CREATE' as const),
    name: 'w',
    namespace: 'c1',
    object,
    oldObject: old,
    user: { username: 'ann', groups: [] },
    dryRun: false,
    nowMs: 0,
    policies: defaultHubPolicies,
  };
  try {
    await annotatedPlanRule.check(request, hub(claims));
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const knows = ['id.k8s.io', 'plans.flotilla.dev'];

describe('a work that is annotated as a plan', () => {
  it('is let in for a cluster whose agent knows plans', async () => {
    expect(await problem(work('true'), undefined, knows)).to.equal('');
    expect(await problem(work('true'), undefined, ['id.k8s.io'])).to.contain(
      'has not said that it knows plans',
    );
  });

  it('is judged again with each spec, since the agent may be another', async () => {
    expect(await problem(work('true', 'b'), work('true', 'a'), [])).to.contain(
      'has not said that it knows plans',
    );
    expect(await problem(work('true'), work('true'), [])).to.equal('');
  });

  it('was one from the beginning, and need not stay one', async () => {
    expect(await problem(work('true'), work(undefined), knows)).to.contain('cannot become a plan');
    expect(await problem(work('true'), work('false'), knows)).to.contain('cannot become a plan');
    expect(await problem(work(undefined), work('true'), [])).to.equal('');
  });

  it('says true or false, or nothing', async () => {
    expect(await problem(work('yes'), undefined, knows)).to.contain('must be "true" or "false"');
    expect(await problem(work('false'))).to.equal('');
  });

  it('can always be deleted', async () => {
    expect(
      await problem(work('true', 'a', { deletionTimestamp: '2026-01-01T00:00:00Z' }), work('true')),
    ).to.equal('');
  });
});
