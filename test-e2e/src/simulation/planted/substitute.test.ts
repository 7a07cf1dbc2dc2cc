import { expect } from 'chai';
import { transform } from 'esbuild';
import { plantedBugs } from './bugs.js';
import { sourceWith } from './substitute.js';

describe('planted bugs', () => {
  for (const bug of plantedBugs) {
    it(`fits the present source, and is code then: ${bug.name}`, async () => {
      expect(bug.edits.length).to.be.greaterThan(0);
      const { code } = await transform(sourceWith(bug), { loader: 'ts' });
      expect(code).to.be.a('string');
    });
  }

  it('are at least 25, each with a name of its own', () => {
    const names = plantedBugs.map(({ name }) => name);
    expect(names.length).to.be.at.least(25);
    expect(new Set(names).size).to.equal(names.length);
  });

  it('refuses a text that is not there, or is there twice', () => {
    const bug = { name: 'a', what: 'b', file: 'package.json' };
    expect(() => sourceWith({ ...bug, edits: [['no such text', '']] })).to.throw('0 times');
    expect(() => sourceWith({ ...bug, edits: [['"', '']] })).to.throw(/\d\d+ times/);
  });
});
