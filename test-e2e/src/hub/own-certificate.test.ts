/** A hub that serves its operator's certificate: clusters join it by a pin of that certificate's authority. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { servingCertificate, strangeAuthority } from '../support/credentials.js';
import { Fleet, must } from '../support/fleet.js';

describe("a hub with its operator's certificate", () => {
  const fleet = new Fleet();
  after(() => fleet.close());

  it('is joined by its authority, and known to kubectl by it', async () => {
    const { certificate, key } = servingCertificate(strangeAuthority(), 'hub');
    const [certificateFile, keyFile] = [join(fleet.directory, 'tls.crt'), join(fleet.directory, 'tls.key')];
    writeFileSync(certificateFile, certificate);
    writeFileSync(keyFile, key);
    await fleet.startHub(['--tls-cert-file', certificateFile, '--tls-private-key-file', keyFile]);
    expect(must(await fleet.kubectl('get', 'namespaces'))).to.contain('kube-system');
    const cluster = await fleet.startCluster('c1');
    await fleet.join(cluster);
    expect(must(await fleet.hubCommand('clusters'))).to.contain('c1');
  });
});
