/** A child process of the format tests: begins to upgrade a store and is killed within the transaction. */
import { openLmdbStore } from './lmdb-store.js';
import { upgradeSteps } from './lmdb-store-format.js';

const [directory = ''] = process.argv.slice(2);
const killed = { from: 2, what: 'a step that never ends', run: () => process.kill(process.pid, 'SIGKILL') };
await openLmdbStore({ directory, upgradeSteps: [...upgradeSteps, killed] });
