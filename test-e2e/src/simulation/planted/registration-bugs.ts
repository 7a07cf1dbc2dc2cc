/** Bugs of how a cluster stays a member of its hub. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const registration = 'packages/klusterlet/src/registration';

export const registrationBugs: readonly PlantedBug[] = [
  {
    name: 'status-without-heartbeat',
    what: 'a cluster says that it is available without the heartbeat that the hub misses, and both contradict each other',
    file: `${registration}/status-controller.ts`,
    edits: [
      ["if (available?.status === 'Unknown') await renewLease(options);", 'void available; void renewLease;'],
    ],
  },
  {
    name: 'never-renew-certificate',
    what: 'an expired certificate is never replaced',
    file: `${registration}/renewal.ts`,
    edits: [
      ['return parseCertificate(certificatePem).notAfterMs <= clock.now();', 'return clock.now() < 0;'],
      [
        'const pending = (await livePending(hub, options)) ?? (await createRequest(hub, options));',
        'const pending = (await livePending(hub, options)) ?? (await new Promise<PendingRequest>(() => undefined));',
      ],
    ],
  },
  {
    name: 'heartbeat-stops',
    what: 'one lost heartbeat is the last',
    file: `${registration}/lease-renewer.ts`,
    edits: [
      [
        'if (!(await renewLease(options))) return { requeueAfterMs: missingRetryMs };',
        'try { if (!(await renewLease(options))) return { requeueAfterMs: missingRetryMs }; } catch { return undefined; }',
      ],
    ],
  },
  {
    name: 'wiped-namespace-stays',
    what: 'a namespace that somebody deletes on the hub never goes: nobody takes the last finalizer away, and the cluster has no rights any more',
    file: 'packages/hub/src/controllers/managed-cluster.ts',
    edits: [['await removeWorkBinding(context, name); return false;', 'return false;']],
  },
];
