import { expect } from 'chai';
import type { AccessAttributes } from '../../authorization/attributes.js';
import { admissionRequest } from './admission-request.js';
import { compileMatchConditions, conditionInput, matchConditionProblem } from './match-conditions.js';
import { namespaceObject, podDefinition, podObject, testAttributes } from './testing.js';

const asked: [string, AccessAttributes][] = [];

function evaluate(...expressions: string[]) {
  const attributes = testAttributes({
    operation: 'UPDATE',
    object: podObject('a', { app: 'web' }),
    oldObject: podObject('a'),
  });
  asked.length = 0;
  const input = conditionInput(attributes, {
    request: admissionRequest(attributes, { matched: podDefinition, uid: 'u' }),
    objects: attributes,
    namespace: namespaceObject('default', { env: 'prod' }),
    authorizer: {
      authorize: ({ username }, access) => {
        asked.push([username, access]);
        return { allowed: access.verb === 'get', reason: 'because' };
      },
    },
  });
  return compileMatchConditions(expressions.map((expression, i) => ({ name: `c${i}`, expression }))).evaluate(
    input,
  );
}

describe('match conditions', () => {
  for (const expression of [
    'object.metadata.labels.app == "web" && !has(oldObject.metadata.labels.app)',
    'request.operation == "UPDATE" && request.kind.kind == "Pod" && request.resource.resource == "pods"',
    'request.userInfo.username == "jane" && "devs" in request.userInfo.groups',
    'request.namespace == "default" && request.name == "a" && !request.dryRun && !has(request.uid)',
    'namespaceObject.metadata.labels["env"] == "prod"',
    'object.metadata.namespace == "default"',
    'authorizer.group("apps").resource("deployments").namespace("x").name("y").check("get").allowed()',
    '!authorizer.group("").resource("pods").subresource("log").check("create").allowed()',
    'authorizer.path("/healthz").check("get").reason() == "because"',
    'authorizer.requestResource.check("get").allowed()',
    'authorizer.serviceAccount("ns", "sa").group("").resource("pods").check("get").allowed()',
  ]) {
    it(`holds: ${expression}`, () => {
      expect(evaluate(expression)).to.deep.equal({ result: 'yes' });
    });
  }

  it('asks the authorizer exactly what was written', () => {
    evaluate('authorizer.group("apps").resource("x").subresource("").namespace("n").check("get").allowed()');
    expect(asked).to.deep.equal([['jane', { verb: 'get', group: 'apps', resource: 'x', namespace: 'n' }]]);
    evaluate('authorizer.serviceAccount("ns", "sa").path("/x").check("get").allowed()');
    expect(asked).to.deep.equal([['system:serviceaccount:ns:sa', { verb: 'get', path: '/x' }]]);
    evaluate('authorizer.requestResource.check("update").allowed()');
    expect(asked).to.deep.equal([
      ['jane', { verb: 'update', group: '', resource: 'pods', namespace: 'default', name: 'a' }],
    ]);
  });

  it('does not ask the authorizer without end', () => {
    const outcome = evaluate(
      '[0,1,2,3,4,5,6,7,8,9].all(i, [0,1,2,3,4,5,6,7,8,9].all(j, authorizer.path("/x").check("get").allowed()))',
    );
    expect(outcome.result).to.equal('error');
    expect(asked.length).to.equal(28);
  });

  it('lets one that is false outweigh errors', () => {
    expect(evaluate('object.spec.x == 1', 'false')).to.deep.equal({ result: 'no', failed: 'c1' });
    expect(evaluate('true', 'object.spec.x == 1')).to.deep.equal({
      result: 'error',
      message: "expression 'object.spec.x == 1' resulted in error: no such key: spec",
    });
  });

  it('says what does not compile, as kube-apiserver does', () => {
    expect(matchConditionProblem('object.x == 1')).to.equal(undefined);
    expect(matchConditionProblem('params.x == 1')).to.equal(
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^",
    );
    expect(matchConditionProblem('"a"')).to.equal('must evaluate to bool but got string');
    expect(matchConditionProblem('object.x ==')).to.match(/^compilation failed: ERROR: <input>:1:12: /);
  });
});
