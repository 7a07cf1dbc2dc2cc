import { expect } from 'chai';
import { servedVersions } from './served-versions.js';

const cronJob = { group: 'batch', resource: 'cronjobs', kind: 'CronJob' };
const ingress = { group: 'networking.k8s.io', resource: 'ingresses', kind: 'Ingress' };
const event = { group: '', resource: 'events', kind: 'Event' };

/** `<group>/<version>` of what a minor serves, the preferred one first. */
function names(subject: typeof cronJob, minor: number): string[] {
  return servedVersions(subject, minor).map(({ group, version }) => `${group}/${version}`);
}

function warning(subject: typeof cronJob, minor: number, version: string): string | undefined {
  return servedVersions(subject, minor).find((served) => `${served.group}/${served.version}` === version)
    ?.warning;
}

describe('served versions', () => {
  // From the deprecation guide: introduced, and no longer served.
  const cases: [typeof cronJob, number, string[]][] = [
    [cronJob, 20, ['batch/v1beta1']],
    [cronJob, 21, ['batch/v1', 'batch/v1beta1']],
    [cronJob, 24, ['batch/v1', 'batch/v1beta1']],
    [cronJob, 25, ['batch/v1']],
    [ingress, 18, ['networking.k8s.io/v1beta1', 'extensions/v1beta1']],
    [ingress, 21, ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1', 'extensions/v1beta1']],
    [ingress, 22, ['networking.k8s.io/v1']],
  ];
  for (const [subject, minor, expected] of cases) {
    it(`of ${subject.kind} in 1.${minor} are ${expected.join(', ')}`, () => {
      expect(names(subject, minor)).to.deep.equal(expected);
    });
  }

  it('serve what is never listed as v1 in every minor', () => {
    expect(names({ group: 'apps', resource: 'deployments', kind: 'Deployment' }, 16)).to.deep.equal([
      'apps/v1',
    ]);
  });

  it('warn from the minor that deprecates a version, and name what to use instead', () => {
    expect(warning(cronJob, 21, 'batch/v1beta1')).to.equal(
      'batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob',
    );
    expect(warning(cronJob, 21, 'batch/v1')).to.equal(undefined);
    expect(warning(event, 21, 'events.k8s.io/v1beta1')).to.equal(undefined);
    expect(warning(event, 22, 'events.k8s.io/v1beta1')).to.equal(
      'events.k8s.io/v1beta1 Event is deprecated in v1.22+, unavailable in v1.25+',
    );
  });

  it('do not warn before servers knew warnings', () => {
    expect(warning(ingress, 18, 'extensions/v1beta1')).to.equal(undefined);
    expect(warning(ingress, 19, 'extensions/v1beta1')).to.contain('deprecated in v1.14+');
  });
});
