import { expect } from 'chai';
import { parseRequestInfo } from './request-info.js';

function info(method: string, url: string) {
  const [path = '', query = ''] = url.split('?');
  return parseRequestInfo(method, path, new URLSearchParams(query));
}

describe('parseRequestInfo', () => {
  const cases: [string, string, string, object][] = [
    ['GET', '/version', 'a non-resource path', { isResource: false, verb: 'get' }],
    ['GET', '/apis/apps/v1', 'discovery of a version', { isResource: false }],
    [
      'GET',
      '/api/v1/pods',
      'list in all namespaces',
      { verb: 'list', resource: 'pods', namespace: undefined },
    ],
    ['GET', '/api/v1/pods?watch=true', 'a watch', { verb: 'watch' }],
    ['GET', '/api/v1/pods?watch=0', 'a list with watch=0', { verb: 'list' }],
    ['GET', '/api/v1/watch/namespaces/a/pods', 'verb in path', { verb: 'watch', namespace: 'a' }],
    [
      'PUT',
      '/apis/apps/v1/namespaces/a/deployments/d/status',
      'a subresource',
      {
        verb: 'update',
        group: 'apps',
        namespace: 'a',
        resource: 'deployments',
        name: 'd',
        subresource: 'status',
      },
    ],
    ['GET', '/api/v1/namespaces/a', 'a namespace', { resource: 'namespaces', name: 'a', namespace: 'a' }],
    ['PUT', '/api/v1/namespaces/a/finalize', 'finalize', { resource: 'namespaces', subresource: 'finalize' }],
    ['DELETE', '/api/v1/namespaces/a/pods', 'a collection delete', { verb: 'deletecollection' }],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name%3Dx',
      'a pinned name',
      { verb: 'list', name: 'x', isNamed: false },
    ],
    [
      'GET',
      '/api/v1/watch/namespaces/a/pods/x',
      'a watch of one',
      { verb: 'watch', name: 'x', isNamed: true },
    ],
    ['GET', '/api/v1/namespaces/a/pods/p%2Fq', 'encoded segments', { name: 'p/q' }],
  ];
  for (const [method, url, name, expected] of cases) {
    it(`${method} ${url}: ${name}`, () => expect(info(method, url)).to.include(expected));
  }
  it('refuses broken percent-encoding', () => {
    expect(() => info('GET', '/api/v1/pods/%zz'))
      .to.throw()
      .with.nested.property('status.code', 400);
  });
});
