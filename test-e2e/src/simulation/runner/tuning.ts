/**
 * Options of V8 for a process that simulates: each run makes its whole fleet anew, so that most code is run a few
 * hundred times and never long enough for the best compiler. Imported before everything that it is to hold for; an
 * option that a later V8 does not know any more changes nothing.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--always-sparkplug');
setFlagsFromString('--no-flush-bytecode');
