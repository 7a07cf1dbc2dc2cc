// Programs that are not ours: found on PATH; else, as root on Debian, installed by apt-get; else done without.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const tools = {
  kubectl: { probe: ['version', '--client'], package: 'kubernetes-client' },
  openssl: { probe: ['version'], package: 'openssl' },
  etcd: { probe: ['--version'], package: 'etcd-server' },
  ip: { probe: ['-V'], package: 'iproute2' },
};

/** True when the tool can be used now. Says on `say` what it does, and how else to get it. */
export function findTool(name, say) {
  const tool = tools[name];
  const works = () => spawnSync(name, tool.probe, { stdio: 'ignore' }).status === 0;
  if (works()) return true;
  if (isDebian() && process.getuid?.() === 0) {
    say(`${name} is not on PATH: installing the Debian package ${tool.package} ...`);
    const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update', '-qq'], options);
    spawnSync('apt-get', ['install', '-y', '-qq', tool.package], options);
    if (works()) return true;
  }
  say(`${name} is not on PATH (Debian: apt-get install ${tool.package}).`);
  return false;
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false; // no such file: no Debian
  }
}
