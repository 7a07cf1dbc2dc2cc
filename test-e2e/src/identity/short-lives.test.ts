/**
 * Certificates that live for seconds, with real processes and TLS: they are renewed while everything runs, and what has
 * expired meanwhile comes back by itself.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate } from '@flotilla/kube';
import { expect } from 'chai';
import { servingCertificate, strangeAuthority } from '../support/credentials.js';
import { type Cluster, configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually, ours, pause } from '../support/processes.js';

const clientLifeSeconds = 10;

describe('certificates that live for seconds', () => {
  const fleet = new Fleet();
  let round = 0;
  before(async () => {
    await fleet.startHub([
      ...['--cluster-signing-duration', `${clientLifeSeconds}s`],
      ...['--serving-certificate-duration', '6s'],
    ]);
    await fleet.join(await fleet.startCluster('s1'));
  });
  after(() => fleet.close());

  const s1 = (): Cluster => fleet.clusters[0] ?? expect.fail('no cluster');
  const file = (name: string): string => readFileSync(join(s1().dataDir, 'hub', name), 'utf8');
  const end = (): number => parseCertificate(file('tls.crt')).notAfterMs;
  const run = (): void => s1().klusterlet.start(['run', '--data-dir', s1().dataDir]);
  const status = async (): Promise<string> =>
    (await ours('klusterlet', ['status', '--data-dir', s1().dataDir])).stdout;
  const hasExpired = (): Promise<boolean> =>
    eventually('the certificate has expired', () => Date.now() > end());

  /** A work goes from the hub to the cluster, and its status back, with a certificate that is in time. */
  async function isWell(): Promise<void> {
    round++;
    await fleet.apply(work(s1(), 'held', [configMap('held', { v: String(round) })]));
    await fleet.workApplied(s1(), 'held');
    const shown = await fleet.get<{ data: { v: string } }>(s1(), 'configmap', 'held');
    expect(shown.data.v).to.equal(String(round));
    expect(end()).to.be.greaterThan(Date.now() - 1000);
  }

  it('renews client and serving certificates while it runs, and asks no more often than needed', async () => {
    const seen = new Set<string>();
    const untilMs = Date.now() + 2 * clientLifeSeconds * 1000;
    while (Date.now() < untilMs) {
      seen.add(file('tls.crt'));
      s1().link.cut(); // the next connection is verified anew, by a serving certificate that is renewed, too
      s1().link.heal();
      await pause(500);
    }
    await isWell();
    expect(seen.size).to.be.within(3, 8);
    const stored = readFileSync(join(fleet.directory, 'hub', 'pki', 'server.crt'), 'utf8');
    expect(parseCertificate(stored).notAfterMs).to.be.greaterThan(Date.now());
  });

  it('certificate expired while the klusterlet was down: asks for the next with the expired one', async () => {
    await s1().klusterlet.stop('SIGKILL');
    await hasExpired();
    run();
    await isWell();
  });

  it('certificates expired while the hub was down: the cluster is held meanwhile, and all comes back', async () => {
    await fleet.hub.stop('SIGKILL');
    await hasExpired();
    await s1().klusterlet.stop('SIGKILL');
    run();
    must(await fleet.on(s1(), 'delete', 'configmap', 'held'));
    await eventually('drift is corrected without a hub', async () => {
      return (await fleet.on(s1(), 'get', 'configmap', 'held')).code === 0;
    });
    expect(await status())
      .to.contain('expired at')
      .and.contain('saved works go on being enforced');
    fleet.hub.start();
    await fleet.hubReady();
    await isWell();
    expect(await status())
      .to.contain('valid until')
      .and.not.contain('not known to the hub');
  });

  for (const [step, build] of interruptions()) {
    it(`rotation interrupted ${step}`, async () => {
      const before = join(fleet.directory, 'before');
      rmSync(before, { recursive: true, force: true });
      await isWell();
      cpSync(join(s1().dataDir, 'hub'), before, { recursive: true });
      const old = file('tls.crt');
      await eventually('the next certificate', () => file('tls.crt') !== old);
      await s1().klusterlet.stop('SIGKILL');
      build({ now: join(s1().dataDir, 'hub'), before });
      run();
      await isWell();
      await eventually('the files are whole', () => !fileExists('next.json') && end() > Date.now());
    });
  }

  it('hub restored from an old backup: takes an agent for itself whose certificate it has never seen', async () => {
    const backup = join(fleet.directory, 'hub.backup');
    must(await fleet.hubCommand('backup', '--to', backup));
    for (let renewals = 0; renewals < 2; renewals++) {
      const old = file('tls.crt');
      await eventually('the next certificate', () => file('tls.crt') !== old);
    }
    await fleet.hub.stop('SIGKILL');
    const dataDir = join(fleet.directory, 'hub');
    rmSync(dataDir, { recursive: true });
    must(await ours('hub', ['restore', '--from', backup, '--data-dir', dataDir]));
    fleet.hub.start();
    await fleet.hubReady();
    await isWell();
  });

  it('killed at any moment of many rotations', async () => {
    for (let kill = 0; kill < 6; kill++) {
      await pause(500 + kill * 700);
      await s1().klusterlet.stop('SIGKILL');
      run();
    }
    await isWell();
  });

  function fileExists(name: string): boolean {
    try {
      file(name);
      return true;
    } catch {
      return false; // the one way in which reading fails here
    }
  }
});

interface Directories {
  /** With the new pair. */
  readonly now: string;
  /** A copy with the pair before. */
  readonly before: string;
}

/** What a kill leaves behind, in the order in which a rotation writes. */
function interruptions(): [step: string, build: (directories: Directories) => void][] {
  const read = (directory: string, name: string): string => readFileSync(join(directory, name), 'utf8');
  const put = ({ now }: Directories, name: string, text: string): void =>
    writeFileSync(join(now, name), text);
  const next = ({ now }: Directories): string =>
    JSON.stringify({ certificatePem: read(now, 'tls.crt'), privateKeyPem: read(now, 'tls.key') });
  const back = (directories: Directories, ...names: string[]): void => {
    for (const name of names) put(directories, name, read(directories.before, name));
  };
  return [
    [
      'before the answer was saved, with the key of a request that is gone',
      (all) => {
        const privateKeyPem = read(all.now, 'tls.key');
        put(all, 'renewal.json', JSON.stringify({ csrName: 's1-gone', privateKeyPem }));
        back(all, 'tls.crt', 'tls.key');
      },
    ],
    [
      'while the pair was written, half of it',
      (all) => {
        put(all, 'next.json', next(all).slice(0, 400));
        back(all, 'tls.crt', 'tls.key');
      },
    ],
    [
      'when the pair was written, before the files',
      (all) => {
        put(all, 'next.json', next(all));
        back(all, 'tls.crt', 'tls.key');
      },
    ],
    [
      'between key and certificate',
      (all) => {
        put(all, 'next.json', next(all));
        back(all, 'tls.crt');
      },
    ],
    ['when both files were written, before the pair was removed', (all) => put(all, 'next.json', next(all))],
  ];
}

describe("an operator's serving certificate that has expired", () => {
  const fleet = new Fleet();
  after(() => fleet.close());

  it('shuts nobody out for longer than until it is replaced', async () => {
    const authority = strangeAuthority();
    const [certificateFile, keyFile] = [join(fleet.directory, 'tls.crt'), join(fleet.directory, 'tls.key')];
    const serve = (lifeMs: number): void => {
      const { certificate, key } = servingCertificate(authority, 'hub', { lifeMs });
      writeFileSync(keyFile, key);
      writeFileSync(certificateFile, certificate);
    };
    serve(15_000);
    await fleet.startHub(['--tls-cert-file', certificateFile, '--tls-private-key-file', keyFile]);
    const cluster = await fleet.startCluster('o1');
    await fleet.join(cluster);
    await eventually('it has expired', () => {
      return Date.now() > parseCertificate(readFileSync(certificateFile, 'utf8')).notAfterMs;
    });
    cluster.link.cut();
    cluster.link.heal();
    await eventually('the klusterlet says why it is not connected', () =>
      /certificate .*expired|expired.*certificate/i.test(cluster.klusterlet.output),
    );
    serve(3_600_000);
    await eventually('the hub serves the new one', async () => (await fleet.kubectl('get', 'ns')).code === 0);
    await fleet.apply(work(cluster, 'after', [configMap('after', { v: '1' })]));
    await fleet.workApplied(cluster, 'after');
  });
});
