import type { Condition, ConditionRule, ManifestWork } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const key = { namespace: 'default', name: 'a' };

/** A work of one config map with these rules. */
function ruled(data: Record<string, string>, ...conditionRules: ConditionRule[]): ManifestWork {
  const resourceIdentifier = { group: '', resource: 'configmaps', ...key };
  return work('w', [configMap('a', data)], { manifestConfigs: [{ resourceIdentifier, conditionRules }] });
}

const cel = (condition: string, ...celExpressions: string[]): ConditionRule => ({
  type: 'CEL',
  condition,
  celExpressions,
});

const shown = ({ status, reason, message }: Condition): string[] => [status, reason, message];

function conditionOf(found: ManifestWork, type: string, of: 'work' | 'manifest'): string[] | undefined {
  const manifest = found.status?.resourceStatus?.manifests?.[0];
  const conditions = of === 'work' ? found.status?.conditions : manifest?.conditions;
  const condition = conditions?.find((each) => each.type === type);
  return condition && shown(condition);
}

describe('work agent, condition rules', () => {
  let world: World;
  const write = (data: Record<string, string>) =>
    world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { data },
      fieldManager: 'somebody',
    });
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('follow the live object, and are summed up for the work', async () => {
    const rule: ConditionRule = {
      ...cel('Progressing', 'has(object.data.step)', 'object.data.step != "last"'),
      messageExpression: 'result ? "at step " + object.data.step : ""',
    };
    await createWork(world, ruled({ x: '1' }, rule));
    const first = await untilCondition(world, 'w', { type: 'Progressing', status: 'False' });
    expect(conditionOf(first, 'Progressing', 'manifest')).to.deep.equal([
      'False',
      'ConditionRuleEvaluated',
      'Manifest is not Progressing',
    ]);
    await write({ step: 'two' });
    const second = await untilCondition(world, 'w', { type: 'Progressing', status: 'True' });
    expect(conditionOf(second, 'Progressing', 'work')).to.deep.equal([
      'True',
      'ConditionRulesAggregated',
      'at step two',
    ]);
    await write({ step: 'last' });
    await untilCondition(world, 'w', { type: 'Progressing', status: 'False' });
  });

  it('that cannot be evaluated say why, while the object is applied and other rules count', async () => {
    await createWork(
      world,
      ruled(
        { x: '1' },
        cel('Broken', 'nonsense('),
        cel('Lost', 'object.status.x'),
        cel('Fine', 'object.data.x == "1"'),
      ),
    );
    const found = await untilCondition(world, 'w', { type: 'Fine' });
    expect(conditionOf(found, 'Broken', 'manifest')?.slice(0, 2)).to.deep.equal([
      'False',
      'ConditionRuleExpressionError',
    ]);
    expect(conditionOf(found, 'Lost', 'work')).to.deep.equal([
      'False',
      'ConditionRulesAggregated',
      'no such key: status',
    ]);
    expect(conditionOf(found, 'Applied', 'work')?.[0]).to.equal('True');
    expect((await find(world.managed, wellKnown.configMaps, key))?.['data']).to.deep.equal({ x: '1' });
  });

  it('that cost too much end, and the agent goes on', async () => {
    const zeros = `[${Array.from({ length: 100 }, () => 0).join()}]`;
    const endless = `${zeros}.all(a, ${zeros}.all(b, ${zeros}.all(c, c == 0)))`;
    await createWork(world, ruled({}, cel('Endless', endless)));
    const found = await untilCondition(world, 'w', { type: 'Endless', status: 'False' });
    expect(conditionOf(found, 'Endless', 'manifest')).to.deep.equal([
      'False',
      'ConditionRuleExpressionError',
      'operation cancelled: actual cost limit exceeded',
    ]);
  });

  it('lose their condition when the work has them no more', async () => {
    await createWork(world, ruled({}, cel('Fine', 'true')));
    await untilCondition(world, 'w', { type: 'Fine' });
    await patchWork(world, 'w', { spec: ruled({}, cel('Other', 'true')).spec });
    const found = await untilCondition(world, 'w', { type: 'Other' });
    expect(conditionOf(found, 'Fine', 'work')).to.equal(undefined);
    expect(conditionOf(found, 'Fine', 'manifest')).to.equal(undefined);
  });

  it('end the work when they call it complete: what is changed or gone then stays so', async () => {
    await createWork(world, ruled({ x: '1' }, cel('Complete', 'has(object.data.done)')));
    await untilCondition(world, 'w', { type: 'Complete', status: 'False' });
    await write({ done: 'yes', x: 'theirs' });
    await eventually(world, async () => {
      const found = await getWork(world, 'w');
      return found !== undefined && conditionOf(found, 'Complete', 'work')?.[0] === 'True';
    });
    await world.managed.delete(wellKnown.configMaps, key);
    const after = await untilCondition(world, 'w', { type: 'Available', status: 'False' });
    expect(conditionOf(after, 'Complete', 'work')?.[0]).to.equal('True');
    await settle(world, 10_000);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
  });

  it('for conditions that are built in or that no status can hold are left out, and the rest is reported', async () => {
    await createWork(
      world,
      ruled({}, cel('Applied', 'false'), cel('not a type', 'true'), cel('Fine', 'true')),
    );
    const found = await untilCondition(world, 'w', { type: 'Fine' });
    expect(conditionOf(found, 'Applied', 'manifest')?.[1]).to.equal('AppliedManifestComplete');
    const types = found.status?.resourceStatus?.manifests?.[0]?.conditions.map(({ type }) => type);
    expect(types).to.not.include('not a type');
    await settle(world, 5000);
    expect((await getWork(world, 'w'))?.metadata.resourceVersion).to.equal(found.metadata.resourceVersion);
  });
});
