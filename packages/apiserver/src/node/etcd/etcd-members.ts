/** What is looked at before an etcd cluster is used: that a member answers, their versions, that they are one cluster. */
import type { Random } from '@flotilla/kube';
import { MaintenanceService, type StatusResponse } from '../../gen/etcd/etcd.js';
import { StoreError } from '../../storage/store-errors.js';
import type { EtcdConnection, EtcdMember } from './etcd-connection.js';
import { EtcdCallError, isTransient, toStoreError } from './etcd-errors.js';

interface Answer {
  readonly member: EtcdMember;
  readonly status?: StatusResponse;
  readonly error?: unknown;
}

/** The lowest version among the members that answer. @throws StoreError */
export async function checkMembers(connection: EtcdConnection, random: Random): Promise<string> {
  const answers = await Promise.all(connection.members.map((member) => ask(connection, member)));
  const alive = answers.flatMap(({ member, status }) => (status === undefined ? [] : [{ member, status }]));
  const first = alive[0];
  if (first === undefined) throw noAnswer(answers);
  const [lowest] = [...alive].sort((a, b) => minorVersion(a) - minorVersion(b));
  for (const { member, status } of alive) {
    if (status.header?.clusterId !== first.status.header?.clusterId) {
      throw new StoreError(
        'refused',
        `the etcd servers ${first.member.endpoint} and ${member.endpoint} belong to different clusters; name those of one in --etcd-servers`,
      );
    }
    if (minorVersion({ status }) < minorVersion({ status: { version: '3.4' } })) {
      throw new StoreError(
        'refused',
        `etcd at ${member.endpoint} has version ${status.version}; 3.4 or later is needed`,
      );
    }
  }
  if (alive.every(({ status }) => status.leader === 0n)) {
    throw new StoreError(
      'unavailable',
      'the etcd cluster has no leader: more than half of its members must run',
    );
  }
  // The first calls go to one that answers, and those of several servers to different ones.
  const { member: chosen } = alive[Math.floor(random.next() * alive.length)] ?? first;
  while (connection.current !== chosen) connection.moveOn(connection.current);
  return lowest?.status.version ?? first.status.version;
}

async function ask(connection: EtcdConnection, member: EtcdMember): Promise<Answer> {
  try {
    return { member, status: await connection.once(MaintenanceService.status, {}, member) };
  } catch (error) {
    return { member, error };
  }
}

/** Major and minor version as one number. */
function minorVersion({ status }: { status: { version: string } }): number {
  const [major = 0, minor = 0] = status.version.split('.').map(Number);
  return major * 1000 + minor;
}

function noAnswer(answers: readonly Answer[]): unknown {
  const refused = answers.find(({ error }) => !isTransient(error));
  if (refused !== undefined) return toStoreError(refused.error);
  const each = answers.map(({ member, error }) => `${member.endpoint}: ${explain(member, error)}`);
  return new StoreError('unavailable', `no etcd server answers (--etcd-servers): ${each.join('; ')}`, {
    cause: answers[0]?.error,
  });
}

/** Texts of Node, OpenSSL and grpc-js, and what an operator does about them. */
const explanations: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'the connection is refused; is etcd running there?'],
  [/ENOTFOUND|EAI_AGAIN|name resolution/i, 'its name is not known'],
  [/wrong version number|packet length too long/i, 'it does not speak TLS; try http://'],
  [/altnames|does not match/i, 'its certificate is for other names than this'],
  [
    /self.signed|unable to (get|verify)|unknown authority/i,
    'its certificate is signed by nobody known here; give its authority with --etcd-cafile',
  ],
  [/has expired/i, 'its certificate has expired'],
  [
    /certificate required|bad certificate|handshake failure|unknown ca|alert/i,
    'it wants a client certificate that it knows: --etcd-certfile and --etcd-keyfile',
  ],
];

function explain(member: EtcdMember, error: unknown): string {
  if (!(error instanceof EtcdCallError)) return String(error);
  const text = error.message;
  const known = explanations.find(([pattern]) => pattern.test(text))?.[1];
  if (known !== undefined) return known;
  const isBroken = /failed to connect|dropped|closed|reset|hang up|ended/i.test(text);
  return isBroken && member.endpoint.startsWith('http:')
    ? 'it breaks the connection off; if it speaks TLS, give it as https://'
    : text;
}
