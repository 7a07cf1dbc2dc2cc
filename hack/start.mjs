// `npm start`: the main job on this machine. A hub, two stand-in clusters, two klusterlets that join, a ManifestWork
// applied with kubectl, and its status back on the hub; then it stays up to be played with.
//   npm start                 run, and stay up until Ctrl-C
//   npm start -- --once       the same in a state of its own, check everything, print the times, leave nothing
//   npm start -- --clean      forget the state of earlier runs first
import { setUp } from './setup.mjs';

const known = new Set(['--once', '--clean', '--help', '-h']);
const args = process.argv.slice(2);
const unknown = args.find((arg) => !known.has(arg));
if (unknown !== undefined || args.includes('--help') || args.includes('-h')) {
  process.stderr.write(`usage: npm start -- [--once] [--clean]
  --once    do everything once, check it, print the times, exit 0 only if all came true
  --clean   forget the state of earlier runs in .flotilla/demo first
`);
  process.exit(unknown === undefined ? 0 : 2);
}
setUp();
const { runDemo } = await import('./demo/demo.mjs');
process.exitCode = await runDemo({ once: args.includes('--once'), clean: args.includes('--clean') });
