#!/usr/bin/env node
// kubectl asks this program for what may stand next after `kubectl hub`.
process.argv.splice(2, 0, '__complete', 'kubectl');
await import('../dist/bundle/main.js');
