/**
 * What a container sees of its cluster: environment variables and the files of its volumes, from the pod and from the
 * ConfigMaps, Secrets and Services around it. Pure but for the reader. Not simulated: storage, tokens of service accounts.
 */
import { isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import { at, objectAt, objectsAt, textAt } from '../builtin/access.js';

export interface ContainerWorld {
  readonly reader: ObjectReader;
  readonly pod: KubeObject;
  readonly container: JsonObject;
}

/** The variables of the container's process. */
export function environmentOf(world: ContainerWorld): Map<string, string> {
  const { pod, container, reader } = world;
  const env = new Map([
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['HOSTNAME', textAt(pod, 'spec', 'hostname') || (pod.metadata.name ?? '')],
  ]);
  for (const [name, value] of serviceVariables(reader)) env.set(name, value);
  for (const source of objectsAt(container, 'envFrom')) {
    const prefix = textAt(source, 'prefix');
    const name = textAt(source, 'configMapRef', 'name');
    const data =
      name !== '' ? configMapData(world, name) : secretData(world, textAt(source, 'secretRef', 'name'));
    for (const [key, bytes] of data) env.set(prefix + key, Buffer.from(bytes).toString());
  }
  for (const variable of objectsAt(container, 'env')) {
    const value = isObject(variable['valueFrom'])
      ? valueFrom(world, variable['valueFrom'])
      : expandReferences(textAt(variable, 'value'), env);
    if (value !== undefined) env.set(textAt(variable, 'name'), value);
  }
  env.set('HOME', env.get('HOME') ?? '/root');
  return env;
}

/** `$(NAME)` of a variable that is set; `$$(NAME)` stands for itself. */
export function expandReferences(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env.get(name) ?? whole),
  );
}

function serviceVariables(reader: ObjectReader): [string, string][] {
  const service = reader.get('', 'services', { namespace: 'default', name: 'kubernetes' });
  const ip = textAt(service, 'spec', 'clusterIP');
  if (ip === '') return [];
  return [
    ['KUBERNETES_SERVICE_HOST', ip],
    ['KUBERNETES_SERVICE_PORT', '443'],
    ['KUBERNETES_SERVICE_PORT_HTTPS', '443'],
    ['KUBERNETES_PORT', `tcp://${ip}:443`],
  ];
}

function valueFrom(world: ContainerWorld, source: JsonObject): string | undefined {
  if (isObject(source['fieldRef'])) return podField(world.pod, textAt(source, 'fieldRef', 'fieldPath'));
  if (isObject(source['resourceFieldRef'])) return resourceField(world, objectAt(source, 'resourceFieldRef'));
  const isSecret = isObject(source['secretKeyRef']);
  const ref = objectAt(source, isSecret ? 'secretKeyRef' : 'configMapKeyRef');
  const data = isSecret ? secretData(world, textAt(ref, 'name')) : configMapData(world, textAt(ref, 'name'));
  const bytes = data.get(textAt(ref, 'key'));
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

function podField(pod: KubeObject, path: string): string {
  const { metadata } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? metadata.labels : metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  if (path === 'metadata.labels' || path === 'metadata.annotations') {
    const map = path === 'metadata.labels' ? metadata.labels : metadata.annotations;
    return Object.entries(map ?? {})
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  }
  const value = at(pod, ...path.split('.'));
  if (path === 'status.podIPs' || path === 'status.hostIPs')
    return objectsAt(pod, ...path.split('.'))
      .map((one) => textAt(one, 'ip'))
      .join(',');
  return typeof value === 'string' ? value : '';
}

function resourceField({ container, pod }: ContainerWorld, ref: JsonObject): string {
  const named = textAt(ref, 'containerName');
  const owner =
    named === '' ? container : objectsAt(pod, 'spec', 'containers').find((one) => one['name'] === named);
  const value = at(owner, 'resources', ...textAt(ref, 'resource').split('.'));
  return value === undefined ? '0' : String(value);
}

type Data = ReadonlyMap<string, Uint8Array>;

function configMapData({ reader, pod }: ContainerWorld, name: string): Data {
  const { namespace = '' } = pod.metadata;
  const found = reader.get('', 'configmaps', { namespace, name });
  const texts = Object.entries(objectAt(found, 'data')).map(
    ([key, value]) => [key, Buffer.from(String(value))] as const,
  );
  return new Map([...texts, ...decoded(objectAt(found, 'binaryData'))]);
}

function secretData({ reader, pod }: ContainerWorld, name: string): Data {
  const { namespace = '' } = pod.metadata;
  return new Map(decoded(objectAt(reader.get('', 'secrets', { namespace, name }), 'data')));
}

function decoded(data: JsonObject): (readonly [string, Uint8Array])[] {
  return Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), 'base64')]);
}

/** The files that are mounted into the container, and the few that every container has. */
export function mountsOf(world: ContainerWorld): Map<string, Uint8Array> {
  const { pod, container } = world;
  const { name = '' } = pod.metadata;
  const hostname = textAt(pod, 'spec', 'hostname') || name;
  const files = new Map<string, Uint8Array>([
    ['/etc/hostname', Buffer.from(`${hostname}\n`)],
    ['/etc/hosts', Buffer.from(`127.0.0.1\tlocalhost\n${textAt(pod, 'status', 'podIP')}\t${hostname}\n`)],
  ]);
  const volumes = new Map(
    objectsAt(pod, 'spec', 'volumes').map((volume) => [textAt(volume, 'name'), volume]),
  );
  for (const mount of objectsAt(container, 'volumeMounts')) {
    const volume = volumes.get(textAt(mount, 'name'));
    if (volume === undefined) continue;
    const folder = textAt(mount, 'mountPath').replace(/\/+$/, '');
    const subPath = textAt(mount, 'subPath');
    for (const [path, bytes] of volumeFiles(world, volume)) {
      if (subPath === '') files.set(`${folder}/${path}`, bytes);
      else if (path === subPath) files.set(folder, bytes);
      else if (path.startsWith(`${subPath}/`))
        files.set(`${folder}/${path.slice(subPath.length + 1)}`, bytes);
    }
  }
  return files;
}

function volumeFiles(world: ContainerWorld, volume: JsonObject): Data {
  const files = new Map<string, Uint8Array>();
  for (const source of isObject(volume['projected']) ? objectsAt(volume, 'projected', 'sources') : [volume]) {
    for (const [path, bytes] of sourceFiles(world, source)) files.set(path, bytes);
  }
  return files;
}

function sourceFiles(world: ContainerWorld, source: JsonObject): Data {
  if (isObject(source['configMap']))
    return picked(configMapData(world, textAt(source, 'configMap', 'name')), objectAt(source, 'configMap'));
  if (isObject(source['secret'])) {
    const secret = objectAt(source, 'secret');
    return picked(secretData(world, textAt(secret, 'secretName') || textAt(secret, 'name')), secret);
  }
  if (isObject(source['downwardAPI'])) {
    return new Map(
      objectsAt(source, 'downwardAPI', 'items').map((item) => [
        textAt(item, 'path'),
        Buffer.from(valueFrom(world, item) ?? ''),
      ]),
    );
  }
  return new Map();
}

/** All keys, or those that the items name under the paths that they give. */
function picked(data: Data, source: JsonObject): Data {
  const items = objectsAt(source, 'items');
  if (items.length === 0) return data;
  const files = new Map<string, Uint8Array>();
  for (const item of items) {
    const bytes = data.get(textAt(item, 'key'));
    if (bytes !== undefined) files.set(textAt(item, 'path'), bytes);
  }
  return files;
}
