import { fleets, longestMs, simulate } from './simulate-part.js';

const plantedBugs = [
  'forget-saved-works',
  'keep-removed-works',
  'drop-owner-check',
  'forget-pruning',
  'release-before-clean',
];

if (fleets > 0) {
  describe('simulation of fleets with a planted bug', () => {
    it(`finds ${plantedBugs.join(', ')}, planted one at a time`, function () {
      this.timeout(longestMs(200));
      return simulate(['--planted', ...plantedBugs.flatMap((bug) => ['--bug', bug])], longestMs(200));
    });
  });
}
