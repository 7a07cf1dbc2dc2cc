/** Imported before everything else in a worker process that is to run with a planted bug. */
import { register } from 'node:module';
import { plantedBug } from './bugs.js';

const name = process.env['SIM_PLANTED_BUG'] ?? '';
register('./hook.js', import.meta.url, { data: plantedBug(name) });
