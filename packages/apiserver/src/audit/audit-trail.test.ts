import { expect } from 'chai';
import type { UserInfo } from '../authentication/user.js';
import { decodeProtobufObject } from '../protobuf/decode.js';
import type { ApiRequest, ApiResponse, ResponseSink } from '../server/handler.js';
import { parseRequestInfo } from '../server/request-info.js';
import { type AuditPolicy, defaultAuditPolicy } from './audit-policy.js';
import { createAuditor } from './auditor.js';

const jane: UserInfo = { username: 'jane', groups: ['devs'] };

interface Call {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: ApiRequest['headers'];
}

function requestOf({ method = 'GET', path, body, headers = {} }: Call): ApiRequest {
  const url = new URL(path, 'https://x');
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body)),
    signal: new AbortController().signal,
    remoteAddress: '10.0.0.1',
    clientCertificates: [],
  };
}

function answerOf(status: number, body: unknown): ApiResponse {
  return { status, headers: {}, body: Buffer.from(JSON.stringify(body)) };
}

function begin(call: Call, policy: AuditPolicy = defaultAuditPolicy) {
  const lines: string[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  const auditor = createAuditor({
    policy: () => policy,
    sink: { write: (line) => void lines.push(line), counts: { events: 0, dropped: 0 } },
    now: () => nowMs++,
    decodeProtobuf: decodeProtobufObject,
  });
  const request = requestOf(call);
  const info = parseRequestInfo(request.method, request.path, request.query);
  const trail = auditor.begin(request, { info, user: jane, auditId: 'id' });
  const events = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));
  return { trail, lines, events };
}

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', managedFields: [{}] }, spec: { x: 1 } };
const everything: AuditPolicy = { rules: [{ level: 'RequestResponse' }] };

describe('audit trail', () => {
  it('records when a request comes and how it ends', () => {
    const { trail, lines, events } = begin({
      path: '/api/v1/namespaces/ns/pods/a?pretty=true',
      headers: { 'user-agent': 'kubectl/1.33', 'x-forwarded-for': '1.2.3.4, nonsense' },
    });
    trail?.received();
    trail?.annotate('authorization.k8s.io/decision', 'allow');
    trail?.annotate('authorization.k8s.io/decision', 'forbid');
    trail?.answered(answerOf(200, pod));
    expect(events()[0]).to.deep.equal({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'id',
      stage: 'RequestReceived',
      requestURI: '/api/v1/namespaces/ns/pods/a?pretty=true',
      verb: 'get',
      user: { username: 'jane', groups: ['devs'] },
      sourceIPs: ['1.2.3.4', '10.0.0.1'],
      userAgent: 'kubectl/1.33',
      objectRef: { resource: 'pods', namespace: 'ns', name: 'a', apiVersion: 'v1' },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.001000Z',
    });
    expect(events()[1]).to.deep.include({
      stage: 'ResponseComplete',
      responseStatus: { metadata: {}, code: 200 },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    });
    expect(lines.join()).not.to.contain('\n');
  });

  it('names what is created, and shows what was sent and answered only above Metadata', () => {
    const create = { method: 'POST', path: '/api/v1/namespaces/ns/pods', body: pod };
    const plain = begin(create);
    plain.trail?.answered(answerOf(201, pod));
    expect(plain.events()[0]?.['objectRef']).to.deep.include({ name: 'a' });
    expect(plain.events()[0]).not.to.have.any.keys('requestObject', 'responseObject');
    const request = begin(create, { rules: [{ level: 'Request' }] });
    request.trail?.answered(answerOf(201, pod));
    expect(request.events()[0]?.['requestObject']).to.deep.equal(pod);
    expect(request.events()[0]).not.to.have.any.keys('responseObject');
    const both = begin(create, { rules: [{ level: 'RequestResponse', omitManagedFields: true }] });
    both.trail?.answered(answerOf(201, pod));
    const short = { ...pod, metadata: { name: 'a' } };
    expect(both.events()[0]).to.deep.include({ requestObject: short, responseObject: short });
  });

  it('shows a patch as it was sent', () => {
    const body = [{ op: 'remove', path: '/spec' }];
    const { trail, events } = begin({ method: 'PATCH', path: '/api/v1/nodes/n', body }, everything);
    trail?.answered(answerOf(200, pod));
    expect(events()[0]).to.deep.include({ verb: 'patch', requestObject: body });
  });

  it('shows why a request failed, whatever the level', () => {
    const { trail, events } = begin({ path: '/api/v1/nodes/n' });
    const details = { name: 'n', kind: 'nodes' };
    trail?.answered(
      answerOf(404, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'nodes "n" not found',
        reason: 'NotFound',
        details,
        code: 404,
      }),
    );
    expect(events()[0]?.['responseStatus']).to.deep.equal({
      metadata: {},
      status: 'Failure',
      message: 'nodes "n" not found',
      reason: 'NotFound',
      details,
      code: 404,
    });
  });

  it('records that a watch has begun, and that it has ended', () => {
    const { trail, events } = begin({ path: '/api/v1/pods?watch=true' }, everything);
    let end = (): void => undefined;
    const sink: ResponseSink = {
      write: () => true,
      onDrain: () => undefined,
      onClose: (fn) => {
        end = fn;
      },
      end: () => end(),
    };
    const answer = trail?.answered({
      status: 200,
      headers: {},
      body: (into) => void into.write(Buffer.from('{}')),
    });
    expect(events().map(({ stage }) => stage)).to.deep.equal(['ResponseStarted']);
    if (typeof answer?.body === 'function') answer.body(sink);
    expect(events()).to.have.length(1);
    end();
    expect(events().map(({ stage }) => stage)).to.deep.equal(['ResponseStarted', 'ResponseComplete']);
    expect(events()[1]).not.to.have.any.keys('responseObject');
  });

  it('shows a long list that was streamed', () => {
    const { trail, events } = begin({ path: '/api/v1/pods' }, everything);
    let end = (): void => undefined;
    const answer = trail?.answered({
      status: 200,
      headers: {},
      body: (into) => {
        into.write(Buffer.from('{"items":['));
        into.write(Buffer.from('1]}'));
        into.end();
      },
    });
    if (typeof answer?.body === 'function') {
      answer.body({
        write: () => true,
        onDrain: () => undefined,
        onClose: (fn) => {
          end = fn;
        },
        end: () => end(),
      });
    }
    expect(events().map(({ responseObject }) => responseObject)).to.deep.equal([{ items: [1] }]);
  });

  it('says for whom somebody acted, who was refused, and what broke', () => {
    const acting = begin({ path: '/api/v1/nodes' });
    acting.trail?.impersonates({ username: 'bob', groups: [] });
    acting.trail?.answered(answerOf(200, {}));
    expect(acting.events()[0]).to.deep.include({
      user: { username: 'jane', groups: ['devs'] },
      impersonatedUser: { username: 'bob', groups: [] },
    });
    const refused = begin({ path: '/api/v1/nodes' });
    refused.trail?.refused(answerOf(401, {}));
    expect(refused.events()[0]?.['responseStatus']).to.deep.include({ code: 401, status: 'Failure' });
    const broken = begin({ path: '/api/v1/nodes' });
    broken.trail?.panicked();
    expect(broken.events()[0]).to.deep.include({ stage: 'Panic' });
  });

  it('forgets what an answer from an old state said, when the request is answered once more', () => {
    const { trail, events } = begin({ path: '/api/v1/nodes' });
    trail?.impersonates({ username: 'bob', groups: [] });
    trail?.annotate('authorization.k8s.io/decision', 'forbid');
    trail?.startsAgain();
    trail?.annotate('authorization.k8s.io/decision', 'allow');
    trail?.answered(answerOf(200, {}));
    expect(events()).to.have.length(1);
    expect(events()[0]?.['annotations']).to.deep.equal({ 'authorization.k8s.io/decision': 'allow' });
    expect(events()[0]).not.to.have.any.keys('impersonatedUser');
  });

  it('is silent at stages that are left out, and for requests that nobody wants', () => {
    const quiet = begin(
      { path: '/version' },
      { rules: [{ level: 'Metadata', omitStages: ['RequestReceived'] }] },
    );
    quiet.trail?.received();
    expect(quiet.lines).to.deep.equal([]);
    expect(begin({ path: '/version' }, { rules: [{ level: 'None' }] }).trail).to.equal(undefined);
  });

  it('leaves out a body that is no object', () => {
    const { trail, events } = begin({ method: 'POST', path: '/api/v1/nodes' }, everything);
    trail?.answered({ status: 200, headers: {}, body: Buffer.from('{broken') });
    expect(events()[0]).not.to.have.any.keys('requestObject', 'responseObject');
  });
});
