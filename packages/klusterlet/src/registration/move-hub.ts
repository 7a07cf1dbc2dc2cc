/**
 * From one hub to another with the same data directory: the agent stays the same, the credentials for the hub that it
 * leaves are kept for the way back. What its works applied stays until the next hub's works say otherwise, or until the
 * grace period for what no work wants is over.
 */
import { writeKubeconfig } from '@flotilla/kube';
import type { HubCandidate, KlusterletConfig, KlusterletState } from './state.js';

/** In an order that leaves a directory that works, or heals, wherever it is interrupted. */
export async function moveTo(
  { token, server, ca, alternatives, proxyUrl }: HubCandidate,
  { state, config }: { state: KlusterletState; config: KlusterletConfig },
): Promise<KlusterletConfig> {
  const { hubAlternatives: _alternatives, hubAdvertised: _advertised, proxyUrl: _proxyUrl, ...rest } = config;
  await state.keepForHub(config);
  // The next hub sends its own; to it, the saved ones of this would be works that vanished.
  await state.forgetWorks();
  const known = await state.ofHub(server).readConfig();
  const hubCa = known?.hubCa ?? ca;
  const shown = proxyUrl === undefined ? {} : { proxyUrl };
  const next: KlusterletConfig = {
    ...rest,
    ...shown,
    hubServer: server,
    hubCa,
    ...(alternatives && { hubAlternatives: alternatives }),
    ...(known?.hubAdvertised && { hubAdvertised: known.hubAdvertised }),
  };
  await state.writeConfig(next);
  await state.writeBootstrapKubeconfig(
    writeKubeconfig({ server, ca: hubCa, clusterName: 'hub', credential: { token }, ...shown }),
  );
  await state.restoreForHub(next);
  return next;
}
