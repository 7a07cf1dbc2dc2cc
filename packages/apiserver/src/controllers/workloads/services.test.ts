import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { selects } from './services.js';

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { app: 'web', tier: 'front' } },
};
const service = (selector: unknown): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector },
});

describe('the pods of a service', () => {
  const cases: [what: string, selector: unknown, isSelected: boolean][] = [
    ['one label', { app: 'web' }, true],
    ['both labels', { app: 'web', tier: 'front' }, true],
    ['another value', { app: 'db' }, false],
    ['a label that is not there', { app: 'web', zone: 'a' }, false],
    ['nothing', {}, false],
    ['no selector', undefined, false],
    ['what no label can be', JSON.parse('{"app":"web","__proto__":" "}'), false],
    ['what every object has', { constructor: 'x' }, false],
  ];
  for (const [what, selector, isSelected] of cases) {
    it(`${isSelected ? 'are' : 'are not'} those when it asks for ${what}`, () => {
      expect(selects(service(selector), pod)).to.equal(isSelected);
    });
  }
});
