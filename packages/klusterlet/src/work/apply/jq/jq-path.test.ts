import { expect } from 'chai';
import { JqPathError, locateJqPaths } from './jq-path.js';

const object = {
  metadata: { annotations: { 'a/b': 'x', other: 'y' } },
  spec: {
    replicas: 3,
    paused: false,
    containers: [
      { name: 'one', image: 'x:1', env: [{ name: 'A', value: '1' }] },
      { name: 'two', image: 'y:2' },
    ],
    metrics: [
      { type: 'Resource', resource: { name: 'cpu' } },
      { type: 'Resource', resource: { name: 'memory' } },
    ],
  },
};

const one = 'spec.containers.0';
const two = 'spec.containers.1';

describe('a jq path', () => {
  const found: [expression: string, places: string[]][] = [
    ['.spec.replicas', ['spec.replicas']],
    ['.spec.replicas?', ['spec.replicas']],
    ['.spec | .replicas, .paused', ['spec.replicas', 'spec.paused']],
    ['.metadata.annotations["a/b"]', ['metadata.annotations.a/b']],
    ['.metadata.annotations."a/b"', ['metadata.annotations.a/b']],
    ['.metadata."annotations"[("a/b", "other")]', ['metadata.annotations.a/b', 'metadata.annotations.other']],
    ['.spec.containers[0]', [one]],
    ['.spec.containers.[0].image', [`${one}.image`]],
    ['.spec.containers[-1]', [two]],
    ['.spec.containers[].image', [`${one}.image`, `${two}.image`]],
    ['.spec.containers[] | select(.name == "two") | .image', [`${two}.image`]],
    ['.spec.containers[] | select(.name != "two")', [one]],
    ['.spec.containers[]|select(.env|length>0)', [one]],
    [
      '.spec.containers[] | select(.name == "one" and (.image | startswith("x"))).env[].value',
      [`${one}.env.0.value`],
    ],
    ['.spec.containers[] | select(.name == ("one", "two")) | .image', [`${one}.image`, `${two}.image`]],
    ['.spec.containers[] | select(.env | not)', [two]],
    ['.spec.containers[] | select(has("env"))', [one]],
    ['.spec.containers[] | select(.image | test("^y:[0-9]+$"))', [two]],
    ['.spec.containers[] | select(any(.env[]?; .name == "A"))', [one]],
    ['.spec.containers[] | select([.name] | inside(["two", "three"]))', [two]],
    ['.spec.metrics[]? | select(.resource.name == "cpu" or .resource.name == "gpu")', ['spec.metrics.0']],
    ['first(.spec.containers[])', [one]],
    ['last(.spec.containers[]).image', [`${two}.image`]],
    ['.. | .env?', ['env', 'metadata.env', 'metadata.annotations.env', 'spec.env', `${one}.env`]],
    ['.. | select(.name? == "A").value', [`${one}.env.0.value`]],
    ['if .spec.paused then .spec.replicas else .spec.paused end', ['spec.paused']],
    [
      'if .spec.nothing then .spec elif .spec.replicas > 2 then .spec.replicas else empty end',
      ['spec.replicas'],
    ],
    ['.spec.nothing // .spec.replicas', ['spec.replicas']],
    ['.spec.nothing[]', []],
    ['.spec.replicas.x.y', []],
    ['.webhooks[].clientConfig.caBundle', []],
    ['empty', []],
    ['.spec.replicas # how many', ['spec.replicas']],
  ];
  for (const [expression, places] of found) {
    it(`leads to its places: ${expression}`, () => {
      const texts = locateJqPaths(expression, object).map((place) => place.join('.'));
      if (expression === '.. | .env?') expect(texts).to.include.members(places);
      else expect(texts).to.deep.equal(places);
    });
  }

  const refused: [expression: string, why: string][] = [
    ['', 'it is empty'],
    ['.a | reduce .b', '"reduce" at position 5 is not supported'],
    ['$ENV.HOME', '"$" at position 0 is not supported'],
    ['env.HOME', '"env" at position 0 is not supported'],
    ['.a = 1', '"=" at position 3 is not supported'],
    ['.a |= 1', '"=" at position 4 is not supported'],
    ['.a + 1', '"+" at position 3 is not supported'],
    ['.a[1:2]', 'slices are not supported'],
    ['{a: .b}', '"{" at position 0 is not supported'],
    ['.a | nonsense', 'the function nonsense/0 at position 5 is not supported'],
    ['.a | select', 'the function select/0'],
    ['.a[', 'it ends too early'],
    ['.a)', '")" at position 2 is not expected'],
    ['(.a', '")" is missing'],
    ['if .a then .b', '"end" is missing'],
    ['."\\(1)"', 'an escape that is not supported'],
    ['.spec.replicas | length', 'it computes a value'],
    ['"text"', 'it computes a value'],
    ['recurse(.)', 'it recurses too deeply'],
    [`.${'[(0,0)]'.repeat(60)}, ${'(.,.)|'.repeat(40)}.`, 'it looks at too many values'],
    [`${'('.repeat(100)}.${')'.repeat(100)}`, 'it nests too deeply'],
    [`.a${' '.repeat(5000)}`, 'it is longer than'],
    ['.spec.containers[] | select(.name | test("(")) | .x', 'error parsing regexp'],
  ];
  for (const [expression, why] of refused) {
    it(`is refused with the reason: ${expression.slice(0, 40).trim() || 'nothing'}`, () => {
      expect(() => locateJqPaths(expression, object))
        .to.throw(JqPathError, 'cannot use the jq path expression')
        .with.property('message')
        .that.contains(why);
    });
  }
});
