import { expect } from 'chai';
import { testDefinition } from '../handlers/testing/handler-test-kit.js';
import type { ResourceDefinition } from './resource.js';
import { compareVersions, type RegistryChange, ResourceRegistry } from './resource-registry.js';

const thing = (version: string, resource = 'things'): ResourceDefinition =>
  testDefinition({ group: 'demo.io', version, resource, kind: 'Thing', schema: { type: 'object' } });

describe('ResourceRegistry', () => {
  it('orders versions by stability, then by number', () => {
    const versions = ['v1alpha1', 'v10', 'foo', 'v2', 'v1beta2', 'v11beta1', 'v1beta10', 'bar', 'v1'];
    expect(versions.sort(compareVersions)).to.deep.equal([
      'v10',
      'v2',
      'v1',
      'v11beta1',
      'v1beta10',
      'v1beta2',
      'v1alpha1',
      'bar',
      'foo',
    ]);
  });

  it('replaces what an owner serves as a whole, and tells', () => {
    const registry = new ResourceRegistry();
    const changes: RegistryChange[] = [];
    const stop = registry.onChange((change) => changes.push(change));
    const [v1, v2] = [thing('v1'), thing('v2')];
    registry.set('things.demo.io', [v1, v2]);
    expect(registry.find('demo.io', 'v1', 'things')).to.equal(v1);
    expect(registry.findKind('demo.io', 'v2', 'Thing')).to.equal(v2);
    expect(registry.findPreferred('demo.io', 'things')).to.equal(v2);
    expect(registry.groups()).to.deep.equal([{ group: 'demo.io', versions: ['v2', 'v1'] }]);
    const { generation } = registry;
    registry.set('things.demo.io', [v1, v2]);
    expect(registry.generation).to.equal(generation);
    registry.set('things.demo.io', [v1]);
    expect(changes.at(-1)).to.deep.equal({ owner: 'things.demo.io', added: [], removed: [v2] });
    stop();
    registry.set('things.demo.io', []);
    expect(changes).to.have.length(2);
    expect(registry.all()).to.deep.equal([]);
  });

  it('leaves a name with its first owner', () => {
    const registry = new ResourceRegistry();
    const first = thing('v1');
    registry.set('a', [first]);
    registry.set('b', [thing('v1')]);
    expect(registry.find('demo.io', 'v1', 'things')).to.equal(first);
  });
});
