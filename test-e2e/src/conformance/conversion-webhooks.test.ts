/** Case 81, second half: two versions of a custom resource between which a real webhook converts. */
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import { crdPath, widgetGroup } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { succeeded, TestServer } from '../support/server.js';
import { WebhookServer } from '../support/webhook-server.js';

interface Endpoint {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown>;
  spec: { host?: string; port?: string; address?: string };
  status?: unknown;
}

/** v1 has host and port apart, v2 has them in one. */
function convert(request: unknown): Record<string, unknown> {
  const desired = text(request, 'desiredAPIVersion');
  const convertedObjects = list(request, 'objects').map((object) => {
    const { spec, ...rest } = object as Endpoint;
    const { host = '', port = '', address = '' } = spec;
    const [left = '', right = ''] = address.split(':');
    return {
      ...rest,
      apiVersion: desired,
      spec: desired.endsWith('/v2') ? { address: `${host}:${port}` } : { host: left, port: right },
    };
  });
  return { convertedObjects, result: { status: 'Success' } };
}

const string = { type: 'string' };

function schemaOf(fields: object, description: string) {
  const status = { type: 'object', properties: { state: string } };
  return {
    openAPIV3Schema: {
      type: 'object',
      description,
      properties: { spec: { type: 'object', properties: fields }, status },
    },
  };
}

describe('conversion webhooks', () => {
  const server = new TestServer();
  const webhook = new WebhookServer();
  before(async () => {
    await Promise.all([server.start(), webhook.start()]);
  });
  after(async () => {
    await server.stop();
    await webhook.stop();
  });

  /** A CRD with v1 (stored) and v2. */
  const define = async (plural: string, route = '/convert'): Promise<void> => {
    const singular = plural.replace(/s$/, '');
    const kind = singular.charAt(0).toUpperCase() + singular.slice(1);
    await server.create(crdPath, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${widgetGroup}` },
      spec: {
        group: widgetGroup,
        names: { plural, singular, kind, listKind: `${kind}List` },
        scope: 'Namespaced',
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: webhook.config(route), conversionReviewVersions: ['v1'] },
        },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            subresources: { status: {} },
            schema: schemaOf({ host: string, port: string }, 'Host and port apart.'),
          },
          {
            name: 'v2',
            served: true,
            storage: false,
            subresources: { status: {} },
            schema: schemaOf({ address: string, scheme: { ...string, default: 'https' } }, 'Both in one.'),
            selectableFields: [{ jsonPath: '.spec.address' }],
            additionalPrinterColumns: [{ name: 'Address', type: 'string', jsonPath: '.spec.address' }],
          },
        ],
      },
    });
  };
  const path = (plural: string, version: string, namespace: string) =>
    `/apis/${widgetGroup}/${version}/namespaces/${namespace}/${plural}`;
  const endpoint = (kind: string, version: string, name: string, spec: object) => ({
    apiVersion: `${widgetGroup}/${version}`,
    kind,
    metadata: { name },
    spec,
  });

  it('shows and takes objects in either version, with defaults and pruning of the version asked', async () => {
    webhook.on('/convert', convert);
    await define('doors');
    const namespace = await server.namespace();
    const v1 = path('doors', 'v1', namespace);
    const v2 = path('doors', 'v2', namespace);
    await server.create(v1, endpoint('Door', 'v1', 'a', { host: 'h', port: '1' }));
    const seen = await server.read(`${v2}/a`);
    expect([at(seen, 'apiVersion'), at(seen, 'spec')]).to.deep.equal([
      `${widgetGroup}/v2`,
      { address: 'h:1', scheme: 'https' },
    ]);
    const made = await server.create(v2, endpoint('Door', 'v2', 'b', { address: 'x:2' }));
    expect(at(made, 'spec.address')).to.equal('x:2');
    expect(at(await server.read(`${v1}/b`), 'spec')).to.deep.equal({ host: 'x', port: '2' });
    const patched = succeeded(await server.patch(`${v2}/a`, 'merge', { spec: { address: 'h:7' } }));
    expect(at(patched.body, 'metadata.generation')).to.equal(2);
    expect(at(await server.read(`${v1}/a`), 'spec.port')).to.equal('7');
    succeeded(await server.patch(`${v2}/a/status`, 'merge', { status: { state: 'open' } }));
    expect(at(await server.read(`${v1}/a`), 'status.state')).to.equal('open');
    // An update that changes nothing in the stored version writes nothing.
    const before = await server.read(`${v1}/a`);
    succeeded(await server.patch(`${v2}/a`, 'merge', { spec: { address: 'h:7' } }));
    expect(at(await server.read(`${v1}/a`), 'metadata.resourceVersion')).to.equal(
      at(before, 'metadata.resourceVersion'),
    );
  });

  it('converts a list in one call, each object once per version, and only what is not in the version', async () => {
    webhook.on('/count', convert);
    await define('gates', '/count');
    const namespace = await server.namespace();
    for (let index = 0; index < 5; index++) {
      await server.create(
        path('gates', 'v1', namespace),
        endpoint('Gate', 'v1', `g${index}`, { host: `h${index}`, port: '1' }),
      );
    }
    expect(webhook.askedOf('/count')).to.have.length(0);
    const shown = await server.read(path('gates', 'v2', namespace));
    expect(each(shown, 'spec.address')).to.deep.equal(['h0:1', 'h1:1', 'h2:1', 'h3:1', 'h4:1']);
    expect(webhook.askedOf('/count').map((request) => list(request, 'objects').length)).to.deep.equal([5]);
    await server.read(path('gates', 'v2', namespace));
    await server.read(`${path('gates', 'v2', namespace)}/g3`);
    await server.read(path('gates', 'v1', namespace));
    expect(webhook.askedOf('/count')).to.have.length(1);
    const selected = await server.read(`${path('gates', 'v2', namespace)}?fieldSelector=spec.address%3Dh2:1`);
    expect(each(selected, 'metadata.name')).to.deep.equal(['g2']);
  });

  it('converts the events of a watch, in order', async () => {
    webhook.on('/convert', convert);
    await define('windows');
    const namespace = await server.namespace();
    const v1 = path('windows', 'v1', namespace);
    await server.create(v1, endpoint('Window', 'v1', 'first', { host: 'a', port: '1' }));
    const watch = await server.watch(`${path('windows', 'v2', namespace)}?watch=1`);
    for (let index = 0; index < 20; index++) {
      succeeded(await server.patch(`${v1}/first`, 'merge', { spec: { port: String(index + 10) } }));
    }
    await server.send('DELETE', `${v1}/first`);
    const seen: string[] = [];
    for (;;) {
      const event = await watch.next();
      seen.push(`${at(event, 'type')} ${at(event, 'object.spec.address')}`);
      if (at(event, 'type') === 'DELETED') break;
    }
    expect(seen).to.deep.equal([
      'ADDED a:1',
      ...Array.from({ length: 20 }, (_, index) => `MODIFIED a:${index + 10}`),
      'DELETED a:29',
    ]);
  });

  it('is invisible to kubectl: get, explain, apply and edit of both versions', async () => {
    webhook.on('/convert', convert);
    await define('walls');
    const namespace = await server.namespace();
    const v1 = endpoint('Wall', 'v1', 'w', { host: 'h', port: '1' });
    expect((await server.feed(v1, 'apply', '-n', namespace)).code).to.equal(0);
    expect(await server.k('get', `walls.v2.${widgetGroup}`, '-n', namespace)).to.match(
      /^NAME\s+ADDRESS\nw\s+h:1\n$/,
    );
    expect(await server.k('explain', 'walls.spec', `--api-version=${widgetGroup}/v1`)).to.contain('host');
    expect(await server.k('explain', 'walls', `--api-version=${widgetGroup}/v2`)).to.contain('Both in one.');
    const v2 = endpoint('Wall', 'v2', 'w', { address: 'h:2' });
    const applied = await server.feed(v2, 'apply', '-n', namespace);
    expect([applied.stdout, applied.stderr]).to.deep.equal([`wall.${widgetGroup}/w configured\n`, '']);
    expect(
      await server.k('get', `walls.v1.${widgetGroup}`, 'w', '-n', namespace, '-o', 'jsonpath={.spec}'),
    ).to.equal('{"host":"h","port":"2"}');
  });

  it('keeps owners of fields apart across versions in server-side apply', async () => {
    webhook.on('/convert', convert);
    await define('roofs');
    const namespace = await server.namespace();
    const v1 = `${path('roofs', 'v1', namespace)}/r`;
    const v2 = `${path('roofs', 'v2', namespace)}/r`;
    const first = endpoint('Roof', 'v1', 'r', { host: 'h', port: '1' });
    succeeded(await server.patch(`${v1}?fieldManager=one`, 'apply', first));
    const other = endpoint('Roof', 'v2', 'r', { address: 'h:2' });
    const conflict = await server.patch(`${v2}?fieldManager=two`, 'apply', other);
    expect(conflict.status).to.equal(409);
    expect(at(conflict.body, 'details.causes.0.field')).to.equal('.spec.port');
    succeeded(await server.patch(`${v2}?fieldManager=two&force=true`, 'apply', other));
    const managed = await server.read(v2);
    const owners = list(managed, 'metadata.managedFields').map(
      (entry) =>
        `${at(entry, 'manager')} ${at(entry, 'apiVersion')} ${JSON.stringify(at(entry, 'fieldsV1'))}`,
    );
    expect(owners).to.deep.equal([
      `one ${widgetGroup}/v1 {"f:spec":{"f:host":{}}}`,
      `two ${widgetGroup}/v2 {"f:spec":{"f:address":{}}}`,
    ]);
  });

  it('moves the storage version: old objects are converted until they are written anew', async () => {
    webhook.on('/convert', convert);
    await define('floors');
    const namespace = await server.namespace();
    await server.create(
      path('floors', 'v1', namespace),
      endpoint('Floor', 'v1', 'f', { host: 'h', port: '1' }),
    );
    const crd = `${crdPath}/floors.${widgetGroup}`;
    const versions = list(await server.read(crd), 'spec.versions').map((version) => ({
      ...(version as object),
      storage: at(version, 'name') === 'v2',
    }));
    const switched = succeeded(await server.patch(crd, 'merge', { spec: { versions } }));
    expect(at(switched.body, 'status.storedVersions')).to.deep.equal(['v1', 'v2']);
    expect(at(await server.read(`${path('floors', 'v2', namespace)}/f`), 'spec.address')).to.equal('h:1');
    // Written anew without a change, as a storage migration does it.
    const object = await server.read(`${path('floors', 'v2', namespace)}/f`);
    succeeded(await server.send('PUT', `${path('floors', 'v2', namespace)}/f`, { body: object }));
    const again = await server.read(`${path('floors', 'v2', namespace)}/f`);
    expect(at(again, 'metadata.resourceVersion')).not.to.equal(at(object, 'metadata.resourceVersion'));
    const onlyV2 = versions.filter((version) => at(version, 'name') === 'v2');
    expect((await server.patch(crd, 'merge', { spec: { versions: onlyV2 } })).status).to.equal(422);
    succeeded(await server.patch(`${crd}/status`, 'merge', { status: { storedVersions: ['v2'] } }));
    succeeded(await server.patch(crd, 'merge', { spec: { versions: onlyV2 } }));
    expect(at(await server.read(`${path('floors', 'v2', namespace)}/f`), 'spec.address')).to.equal('h:1');
  });

  it('says what went wrong when the webhook fails, and goes on when it works again', async () => {
    const kind = `${widgetGroup}/v1, Kind=Stair`;
    await define('stairs', '/broken');
    const namespace = await server.namespace();
    const v1 = path('stairs', 'v1', namespace);
    const v2 = path('stairs', 'v2', namespace);
    await server.create(v1, endpoint('Stair', 'v1', 's', { host: 'h', port: '1' }));
    const failures: readonly [(request: unknown) => Record<string, unknown>, string][] = [
      [
        () => ({ result: { status: 'Failed', message: 'no idea how' } }),
        `conversion webhook for ${kind} failed: no idea how`,
      ],
      [
        () => ({ result: { status: 'Failed' } }),
        `conversion webhook for ${kind} failed: response.result.status was 'Failed', not 'Success'`,
      ],
      [
        () => ({ convertedObjects: [], result: { status: 'Success' } }),
        `conversion webhook for ${kind} returned 0 objects, expected 1`,
      ],
      [
        (request) => {
          const { convertedObjects, ...rest } = convert(request);
          const [object] = convertedObjects as Endpoint[];
          return { ...rest, convertedObjects: [{ ...object, metadata: { ...object?.metadata, uid: 'x' } }] };
        },
        `conversion webhook for ${kind} returned invalid converted object at index 0: must have the same UID: `,
      ],
      [
        (request) => ({ ...convert(request), convertedObjects: list(request, 'objects') }),
        `conversion webhook for ${kind} returned invalid object at index 0: invalid groupVersion (expected ${widgetGroup}/v2, received ${widgetGroup}/v1)`,
      ],
      [(request) => ({ ...convert(request), uid: 'other' }), 'expected response.uid='],
    ];
    for (const [respond, message] of failures) {
      webhook.on('/broken', respond);
      for (const one of [`${v2}/s`, v2]) {
        const answer = await server.get(one);
        expect(answer.status, message).to.equal(500);
        expect(text(answer.body, 'message')).to.contain(message);
      }
    }
    const listed = await server.refused('get', `stairs.v2.${widgetGroup}`, '-n', namespace);
    expect(listed).to.contain('Error from server: conversion webhook for');
    const watch = await server.watch(`${v2}?watch=1`);
    const event = await watch.next();
    expect([at(event, 'type'), at(event, 'object.code')]).to.deep.equal(['ERROR', 500]);
    // The version that is stored needs no webhook.
    expect(at(await server.read(`${v1}/s`), 'spec.host')).to.equal('h');
    webhook.on('/broken', convert);
    expect(at(await server.read(`${v2}/s`), 'spec.address')).to.equal('h:1');
    // Also what only the webhook could show can be deleted with its definition.
    webhook.on('/broken', () => ({ result: { status: 'Failed' } }));
    succeeded(await server.send('DELETE', `${crdPath}/stairs.${widgetGroup}`));
    await eventually('the definition is gone', async () => {
      return (await server.get(`${crdPath}/stairs.${widgetGroup}`)).status === 404;
    });
  });

  it('takes labels and annotations over from the webhook, and nothing else of metadata', async () => {
    webhook.on('/labels', (request) => {
      const { convertedObjects, ...rest } = convert(request);
      const objects = (convertedObjects as Endpoint[]).map((object) => ({
        ...object,
        metadata: { ...object.metadata, labels: { from: 'webhook' }, finalizers: ['a.b/c'], generation: 77 },
      }));
      return { ...rest, convertedObjects: objects };
    });
    await define('lamps', '/labels');
    const namespace = await server.namespace();
    await server.create(
      path('lamps', 'v1', namespace),
      endpoint('Lamp', 'v1', 'l', { host: 'h', port: '1' }),
    );
    const seen = await server.read(`${path('lamps', 'v2', namespace)}/l`);
    expect(at(seen, 'metadata.labels')).to.deep.equal({ from: 'webhook' });
    expect([at(seen, 'metadata.finalizers'), at(seen, 'metadata.generation')]).to.deep.equal([undefined, 1]);
  });

  it('lets admission webhooks see the version that they know', async () => {
    webhook.on('/convert', convert);
    await define('tiles');
    const namespace = await server.namespace();
    webhook.on('/admit', (request) => {
      const port = text(request, 'object.spec.port');
      const patch = [{ op: 'replace', path: '/spec/port', value: `${port}0` }];
      return {
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
      };
    });
    await server.create('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'tiles' },
      webhooks: [
        {
          name: 'tiles.test.io',
          clientConfig: webhook.config('/admit'),
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          rules: [
            { apiGroups: [widgetGroup], apiVersions: ['v1'], resources: ['tiles'], operations: ['CREATE'] },
          ],
        },
      ],
    });
    const made = await server.create(
      path('tiles', 'v2', namespace),
      endpoint('Tile', 'v2', 't', { address: 'h:4' }),
    );
    expect(at(made, 'spec')).to.deep.equal({ address: 'h:40', scheme: 'https' });
    const [asked] = webhook.askedOf('/admit');
    expect([at(asked, 'object.apiVersion'), at(asked, 'requestKind.version')]).to.deep.equal([
      `${widgetGroup}/v1`,
      'v2',
    ]);
  });

  it('refuses definitions whose webhook cannot be found', async () => {
    const crd = (conversion: object) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `bads.${widgetGroup}` },
      spec: {
        group: widgetGroup,
        names: { plural: 'bads', kind: 'Bad' },
        scope: 'Namespaced',
        conversion,
        versions: [{ name: 'v1', served: true, storage: true, schema: schemaOf({}, '') }],
      },
    });
    const refused = async (webhookConfig: object, message: string) => {
      const body = crd({ strategy: 'Webhook', webhook: webhookConfig });
      const answer = await server.send('POST', crdPath, { body });
      expect(answer.status).to.equal(422);
      expect(text(answer.body, 'message')).to.contain(message);
    };
    const versions = { conversionReviewVersions: ['v1'] };
    const at1 = 'spec.conversion.webhook';
    await refused(versions, `${at1}.clientConfig: Required value`);
    await refused(
      { ...versions, clientConfig: {} },
      `${at1}.clientConfig: Required value: exactly one of url or service is required`,
    );
    await refused(
      { ...versions, clientConfig: { url: 'http://a/b?c' } },
      `${at1}.clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme`,
    );
    await refused(
      { conversionReviewVersions: ['v7'], clientConfig: webhook.config('/') },
      `${at1}.conversionReviewVersions: Invalid value`,
    );
  });
});
