// How long a user waits for a command that only asks: each as a process of its own, against a hub with one cluster.
import { createAndSettle } from './fleet.mjs';
import { must } from './parts.mjs';
import { median } from './statistics.mjs';

const rounds = 5;

/** By the names of their figures. The doctors probe more than the hub, and have no budget. */
export function askingCommands({ hub, dataDir, namespace, work }) {
  const asked = (...args) => ['hub', [...args, '--kubeconfig', hub.kubeconfig]];
  const local = (...args) => ['klusterlet', [...args, '--data-dir', dataDir]];
  const ofWork = ['-n', namespace];
  return {
    'commands.clusters': asked('clusters'),
    'commands.clustersWide': asked('clusters', '-o', 'wide'),
    'commands.works': asked('works'),
    'commands.worksOf': asked('works', namespace, '--manifests'),
    'commands.why': asked('why', work, ...ofWork),
    'commands.history': asked('works', 'history', work, ...ofWork),
    'commands.csrList': asked('csr', 'list'),
    'commands.ca': asked('ca'),
    'commands.token': asked('token', 'create'),
    'commands.status': local('status'),
    'commands.help': ['hub', ['--help']],
    'commands.complete': [
      'hub',
      ['__complete', 'bash', `hub why --kubeconfig ${hub.kubeconfig} ${ofWork.join(' ')} `],
    ],
    'commands.hubDoctor': asked('doctor', '--data-dir', hub.dataDir),
    'commands.klusterletDoctor': local('doctor'),
  };
}

export const commands = {
  name: 'commands',
  async run({ fleet, record }) {
    const started = await fleet();
    const { hub, dataDir, namespace, prefix } = started;
    await createAndSettle(started, { prefix: 'asked', count: 1 });
    const work = `${prefix}asked-0`;
    for (const [name, [command, args]] of Object.entries(askingCommands({ hub, dataDir, namespace, work }))) {
      const times = [];
      must(command, args); // the first reads the command from the disk
      for (let i = 0; i < rounds; i++) {
        const began = performance.now();
        must(command, args);
        times.push(performance.now() - began);
      }
      record(name, median(times));
    }
  },
};
