/**
 * Run as a process of its own by the simulation's test: among the tests of other files, their left-over timers would
 * be noted too. Prints what one scenario found and touched, as JSON.
 */

import { planScenario } from './plan-scenario.js';
import { notingTheRealWorld } from './real-world.js';
import { runScenario } from './run-scenario.js';

const { result, touched } = await notingTheRealWorld(() => runScenario(planScenario(3)));
process.stdout.write(JSON.stringify({ breaches: result.breaches, touched }));
