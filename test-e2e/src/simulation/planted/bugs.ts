/**
 * Defects that the simulation must find, each planted alone into the source of a production file as it is loaded. They
 * show that the simulation bites: that a promise which is broken is seen to be broken.
 */
import { applyBugs } from './apply-bugs.js';
import { clientBugs } from './client-bugs.js';
import { deletionBugs } from './deletion-bugs.js';
import { registrationBugs } from './registration-bugs.js';
import { reportingBugs } from './reporting-bugs.js';
import { savedWorksBugs } from './saved-works-bugs.js';
import { serverBugs } from './server-bugs.js';
import type { PlantedBug } from './substitute.js';
import { unseenBugs } from './unseen-bugs.js';

export const plantedBugs: readonly PlantedBug[] = [
  ...serverBugs,
  ...clientBugs,
  ...savedWorksBugs,
  ...applyBugs,
  ...deletionBugs,
  ...reportingBugs,
  ...registrationBugs,
  ...unseenBugs,
];

/** @throws Error when there is none of this name. */
export function plantedBug(name: string): PlantedBug {
  const found = plantedBugs.find((bug) => bug.name === name);
  if (found === undefined) throw new Error(`there is no planted bug ${JSON.stringify(name)}`);
  return found;
}
