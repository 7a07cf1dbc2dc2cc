import { expect } from 'chai';
import { Command } from 'commander';
import { defaultWorkAgentOptions } from '../work/options.js';
import { addWorkFlags, type WorkFlags, workOptionsOf } from './work-flags.js';

function parse(...args: string[]): ReturnType<typeof workOptionsOf> {
  const command = addWorkFlags(new Command('run'))
    .exitOverride()
    .action(() => undefined);
  command.parse(args, { from: 'user' });
  return workOptionsOf(command.opts<WorkFlags>());
}

describe('the flags of the work agent', () => {
  it('are its defaults when they are not given', () => {
    expect({ ...defaultWorkAgentOptions, ...parse() }).to.deep.equal(defaultWorkAgentOptions);
  });
  it('set the grace of an eviction, the share of a mass deletion and the resync', () => {
    const grace = ['--appliedmanifestwork-eviction-grace-period', '2m'];
    const options = parse(...grace, '--max-unasked-deletion', '25', '--resync-period', '30s');
    expect(options).to.deep.include({ evictionGracePeriodMs: 120_000, resyncMs: 30_000 });
    expect(options.deletionGuard?.heldShare).to.equal(0.25);
  });
  it('report structures as JSON text, up to a length', () => {
    const options = parse('--raw-feedback-json', '--max-json-raw-length', '100');
    expect(options).to.deep.include({ rawFeedbackJson: true, maxJsonRawLength: 100 });
  });
  for (const [flag, value] of [
    ['--max-unasked-deletion', '101'],
    ['--max-unasked-deletion', '-1'],
    ['--max-unasked-deletion', 'half'],
    ['--resync-period', '10ms'],
    ['--max-json-raw-length', '0'],
    ['--max-json-raw-length', '1025'],
    ['--max-json-raw-length', 'long'],
  ] as const) {
    it(`refuse ${flag} ${value}`, () => expect(() => parse(flag, value)).to.throw(flag));
  }
});
