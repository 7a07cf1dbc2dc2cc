/**
 * What each version of kubectl sends, recorded once: the server answers it again as it did then, without any kubectl;
 * and the kubectls that are here still send just that. FLOTILLA_RECORD=1 writes the recording anew.
 */
import { expect } from 'chai';
import { otherKubectls } from '../support/kubectl-versions.js';
import { TestServer } from '../support/server.js';
import { prepareRecorded } from './commands.js';
import { questionsOf, readFixtures, writeFixtures } from './fixture-file.js';
import { record } from './record.js';
import { Replay } from './replay.js';

const isRecording = process.env['FLOTILLA_RECORD'] === '1';

describe('recorded requests of kubectl', () => {
  if (isRecording) {
    it('are recorded anew', async function () {
      this.timeout(600_000);
      const fixtures = [];
      for (const kubectl of otherKubectls()) fixtures.push(await record(kubectl));
      writeFixtures(fixtures);
    });
    return;
  }
  for (const { kubectl, sequences } of readFixtures()) {
    it(`of ${kubectl} are answered as they were`, async () => {
      const server = new TestServer();
      await server.start({ kubernetesVersion: kubectl.replace('1.20', '1.27') });
      try {
        await prepareRecorded(server);
        const replay = new Replay(server, `kubectl/v${kubectl}.0 (linux/amd64) kubernetes/0000000`);
        for (const { command, requests } of sequences) {
          for (const request of requests) {
            await replay.send(request).catch((cause: unknown) => {
              throw new Error(`kubectl ${command}: ${String(cause)}`, { cause });
            });
          }
        }
      } finally {
        await server.stop();
      }
    });
  }
  for (const kubectl of otherKubectls()) {
    const known = readFixtures().find((fixture) => fixture.kubectl === `1.${kubectl.minor}`);
    if (known === undefined) continue;
    it(`of ${known.kubectl} are still what it sends`, async () => {
      const now = await record(kubectl);
      expect(now.sequences.map(({ command }) => command)).to.deep.equal(
        known.sequences.map(({ command }) => command),
      );
      for (const [index, sequence] of now.sequences.entries()) {
        const before = known.sequences[index];
        expect(questionsOf(sequence), sequence.command).to.equal(before && questionsOf(before));
      }
    });
  }
});
