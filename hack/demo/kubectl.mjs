// Finds kubectl: on PATH; else, as root on Debian, from the package kubernetes-client; else says how to get it.
import { readFileSync } from 'node:fs';
import { run } from './processes.mjs';

export function findKubectl(say) {
  if (works()) return 'kubectl';
  if (isDebian() && process.getuid?.() === 0) {
    say('kubectl is not on PATH: installing the Debian package kubernetes-client ...');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', 'kubernetes-client'], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (works()) return 'kubectl';
  }
  say(
    "kubectl is not on PATH (Debian: apt-get install kubernetes-client; others: see kubernetes.io, 'Install tools').",
  );
  say("The hub's own client stands in for it here.");
  return undefined;
}

function works() {
  return run('kubectl', ['version', '--client']).ok;
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false; // no such file: no Debian
  }
}
