import { expect } from 'chai';
import fc from 'fast-check';
import { compileJsonPath, evaluateJsonPath, JsonPathError } from './jsonpath.js';

const object = {
  metadata: { name: 'x', labels: { 'app.kubernetes.io/name': 'web' } },
  spec: {
    replicas: 3,
    list: [1, 2, 3, 4, 5],
    containers: [
      { name: 'a', image: 'one', ports: [{ port: 80 }, { port: 443 }] },
      { name: 'b', image: 'two' },
    ],
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', since: 5 },
      { type: 'Synced', status: 'False', since: 9 },
    ],
    nothing: null,
  },
};

const found: readonly (readonly [string, readonly unknown[]])[] = [
  ['.metadata.name', ['x']],
  ['{.metadata.name}', ['x']],
  ['$.metadata.name', ['x']],
  ['{$.metadata.name}', ['x']],
  ['metadata.name', ['x']],
  ['  { .metadata.name }  ', ['x']],
  ["['metadata']['name']", ['x']],
  ['.metadata["name"]', ['x']],
  ['.metadata.labels.app\\.kubernetes\\.io/name', ['web']],
  ["$.metadata.labels['app.kubernetes.io/name']", ['web']],
  ['.spec.list[0]', [1]],
  ['.spec.list[-1]', [5]],
  ['.spec.list[9]', []],
  ['.spec.list[-9]', []],
  ['.spec.list[1:3]', [2, 3]],
  ['.spec.list[:2]', [1, 2]],
  ['.spec.list[-2:]', [4, 5]],
  ['.spec.list[0:5:2]', [1, 3, 5]],
  ['.spec.list[*]', [1, 2, 3, 4, 5]],
  ['.spec.list[0,2]', [1, 3]],
  ['.spec.containers[*].name', ['a', 'b']],
  ["['spec','metadata'].name", ['x']],
  ["['metadata','spec']['name','replicas']", ['x', 3]],
  ['..port', [80, 443]],
  ['$..name', ['x', 'a', 'b']],
  ['.spec..ports[0].port', [80]],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  ["{.status.conditions[?(@.type=='Ready')].status}", ['True']],
  ['.status.conditions[?(@.type != "Ready")].type', ['Synced']],
  ['.status.conditions[?(@.since > 5)].type', ['Synced']],
  ['.status.conditions[?(@.since<=5)].type', ['Ready']],
  ['.status.conditions[?(@.gone=="x")].type', []],
  ['.spec.containers[?(@.ports)].name', ['a']],
  ['.spec.containers[?(@.ports[0].port==80)].name', ['a']],
  ['.spec.list[?(@ >= 4)]', [4, 5]],
  ['.spec.containers[?(@.name==$.spec.containers[1].name)].image', ['two']],
  ['.status.nothing', [null]],
  ['.gone.deeper', []],
  ['.spec.replicas.deeper', []],
  ['.metadata.*', ['x', { 'app.kubernetes.io/name': 'web' }]],
  ['.', [object]],
  ['$', [object]],
  ['{@}', [object]],
];

const broken: readonly (readonly [string, number])[] = [
  ['', 0],
  ['{}', 1],
  ['{.a', 0],
  ['.a.', 3],
  ['.a[', 3],
  ['.a[x]', 3],
  ['.a[0', 4],
  ["['a", 1],
  ['.a[?(@.b==)]', 10],
  ['.a[?(@.b=="x"]', 13],
  ['.a b', 3],
  ['.a[1:3:0]', 3],
  ['..', 2],
  ['.a}', 2],
];

describe('evaluateJsonPath', () => {
  for (const [path, expected] of found) {
    it(`finds ${path}`, () => {
      expect(evaluateJsonPath(path, object)).to.deep.equal(expected);
    });
  }

  for (const [path, position] of broken) {
    it(`refuses ${JSON.stringify(path)} at ${position}`, () => {
      expect(() => compileJsonPath(path))
        .to.throw(JsonPathError)
        .with.property('position', position);
    });
  }

  it('says what is wrong and where', () => {
    expect(() => compileJsonPath('.a[x]')).to.throw(
      'invalid JSONPath ".a[x]": expected an index, a slice, * or a quoted key at position 3',
    );
  });

  it('never reads what an object inherits', () => {
    expect(evaluateJsonPath('.constructor', {})).to.deep.equal([]);
    expect(evaluateJsonPath('.a.length', { a: [] })).to.deep.equal([]);
  });

  it('throws nothing but JsonPathError, whatever the path and the object', () => {
    const part = fc.constantFrom(
      '.',
      '..',
      'a',
      'b',
      '[',
      ']',
      '*',
      '0',
      '-1',
      ':',
      ',',
      "'a'",
      '"',
      '?',
      '(',
      ')',
      '@',
      '$',
      '==',
      '<',
      ' ',
      '{',
      '}',
      '\\',
      '[?(@.a==1)]',
      '1.5',
      'true',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.jsonValue(), (parts, value) => {
        let compiled: ReturnType<typeof compileJsonPath>;
        try {
          compiled = compileJsonPath(parts.join(''));
        } catch (error) {
          expect(error).to.be.instanceOf(JsonPathError);
          return;
        }
        expect(evaluateJsonPath(compiled, value)).to.be.an('array');
      }),
      { numRuns: 3000 },
    );
  });

  it('gives up when a path leads to more values than there is time for', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 450; level++) deep = { a: deep };
    expect(evaluateJsonPath('..a', deep)).to.have.length(450);
    expect(() => evaluateJsonPath('..*..*..*..*..*', deep)).to.throw(
      JsonPathError,
      'looks at too many values',
    );
  });
});
