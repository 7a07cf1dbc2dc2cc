import { expect } from 'chai';
import { parseAuthorizationMode } from './authorization.js';

describe('parseAuthorizationMode', () => {
  for (const [text, mode] of [
    ['RBAC', 'RBAC'],
    ['AlwaysAllow', 'AlwaysAllow'],
    ['RBAC,AlwaysAllow', 'AlwaysAllow'],
  ] as const) {
    it(`reads ${text}`, () => expect(parseAuthorizationMode(text)).to.equal(mode));
  }
  for (const [text, reason] of [
    ['Node,RBAC', /mode Node is not served: no kubelets connect/],
    ['Webhook', /mode Webhook is not served; use RBAC/],
    ['rbac', /"rbac" is no authorization mode; use RBAC or AlwaysAllow/],
    ['', /is no authorization mode/],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => expect(() => parseAuthorizationMode(text)).to.throw(reason));
  }
});
