import { expect } from 'chai';
import { readFeatureGates, unsupportedFields } from './feature-gates.js';

const known = {
  Free: { isOn: false, isFixed: false },
  Always: { isOn: true, isFixed: true },
  Never: { isOn: false, isFixed: true },
};

describe('feature gates of operator objects', () => {
  it('stand by their defaults, or as they are asked for', () => {
    expect(['Free', 'Always', 'Never', 'Odd'].map(readFeatureGates(undefined, known).isOn)).to.deep.equal([
      ...[false, true, false, false],
    ]);
    const gates = readFeatureGates([{ feature: 'Free', mode: 'Enable' }], known);
    expect(gates.isOn('Free')).to.equal(true);
    expect([gates.unknown, gates.unsupported]).to.deep.equal([[], []]);
  });
  it('tell what nobody knows, and what cannot be had', () => {
    const gates = readFeatureGates(
      [
        { feature: 'Odd', mode: 'Enable' },
        { feature: 'Always', mode: 'Disable' },
        { feature: 'Never', mode: 'Enable' },
        { feature: 'toString', mode: 'Enable' },
      ],
      known,
    );
    expect(gates.unknown).to.deep.equal(['Odd', 'toString']);
    expect(gates.unsupported).to.deep.equal(['Always (off)', 'Never (on)']);
    expect(gates.isOn('Always')).to.equal(true);
    expect(gates.isOn('Never')).to.equal(false);
  });
  it('leave fields that do nothing to be named', () => {
    const spec = { a: 1, b: { c: 'default', d: 2, e: { f: 1 } }, g: [] };
    const rules = { honoured: ['a', 'b.e'], harmless: { 'b.c': ['default'] } };
    expect(unsupportedFields(spec, rules)).to.deep.equal(['b.d', 'g']);
    expect(unsupportedFields(undefined, rules)).to.deep.equal([]);
  });
});
