import { expect } from 'chai';
import { boundedMessage, maxMessageLength } from './messages.js';

describe('message of a condition', () => {
  it('is cut where the hub would refuse it', () => {
    expect(boundedMessage('x'.repeat(40_000))).to.have.lengthOf(maxMessageLength);
  });

  it('holds whole characters only, as it is stored', () => {
    expect(boundedMessage('a\ud800b\udc00c\u{1F600}')).to.equal('a\ufffdb\ufffdc\u{1F600}');
    expect(boundedMessage(`x${'\u{1F600}'.repeat(20_000)}`).at(-1)).to.equal('\ufffd');
  });
});
