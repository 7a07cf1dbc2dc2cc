import type { ControlLoop, StartControllersOptions } from './start-controllers.js';
export function createWorkloadSimulator(_options: StartControllersOptions): ControlLoop {
  return { informers: [], controllers: [] };
}
