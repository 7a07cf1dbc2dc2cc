import { expect } from 'chai';
import { queryString, resourcePath } from './paths.js';

const pods = { group: '', version: 'v1', resource: 'pods', namespaced: true };

describe('paths of resources', () => {
  const names: [name: string, sent: string][] = [
    ['web', 'web'],
    ['a/b?c', 'a%2Fb%3Fc'],
    ['\u{1f600}', '%F0%9F%98%80'],
    ['half \ud800', 'half%20%EF%BF%BD'],
    ['\udc00\ud800', '%EF%BF%BD%EF%BF%BD'],
  ];
  for (const [name, sent] of names) {
    it(`names ${JSON.stringify(name)} in paths and queries`, () => {
      expect(resourcePath(pods, { namespace: name, name })).to.equal(
        `/api/v1/namespaces/${sent}/pods/${sent}`,
      );
      expect(queryString({ fieldManager: name, empty: '', none: undefined })).to.equal(
        `?fieldManager=${sent}`,
      );
    });
  }
});
