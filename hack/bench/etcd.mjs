// A real etcd on the same disk, for comparison: durable puts of the same size. Through its HTTP gateway, which costs it
// some; so its figure is a lower bound. Nothing is measured where there is no etcd.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { freePort, until } from '../demo/processes.mjs';
import { callsPerSecond } from './statistics.mjs';

export async function measureEtcd({ directory, record }) {
  if (spawnSync('etcd', ['--version']).status !== 0) return;
  mkdirSync(directory, { recursive: true });
  const [client, peer] = [await freePort(0), await freePort(0)];
  const [url, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const etcd = spawn(
    'etcd',
    [
      ...['--data-dir', directory, '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`],
    ],
    { stdio: 'ignore' },
  );
  const kill = () => etcd.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const agent = new Agent({ keepAlive: true, maxSockets: 128 });
    const value = Buffer.alloc(2048, 'x').toString('base64');
    const put = (n) =>
      post(`${url}/v3/kv/put`, agent, { key: Buffer.from(`/k/${n % 10_000}`).toString('base64'), value });
    await until('etcd', async () => ({
      done: await put(0).then(
        () => true,
        () => false,
      ),
    }));
    for (const concurrency of [1, 16, 128]) {
      record(`etcd.put.${concurrency}`, (await callsPerSecond(put, { concurrency, seconds: 1.5 })).perSecond);
    }
    agent.destroy();
  } finally {
    process.off('exit', kill);
    kill();
  }
}

function post(url, agent, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`etcd answered ${response.statusCode}`)),
      );
    });
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
