/**
 * Defaults of a PodSpec, for pods and for the templates of every workload (apiserver.md 5.6): what a kube-apiserver
 * fills in when a field is absent. Works in place on a spec in canonical form.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import { ensure, fill, objectAt, objectsAt, textAt } from '../access.js';

const fileMode = 0o644;

/** Fills in a pod template: its spec, where there is one. */
export function defaultPodTemplate(template: JsonObject): void {
  const { spec } = template;
  if (isObject(spec)) defaultPodSpec(spec);
}

export function defaultPodSpec(spec: JsonObject): void {
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
  });
  ensure(spec, 'securityContext');
  // The two names are one field; a server keeps them equal.
  const account = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount');
  if (account !== '') fill(spec, { serviceAccountName: account, serviceAccount: account });
  const hostNetwork = spec['hostNetwork'] === true;
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of objectsAt(spec, list)) {
      defaultContainer(container, hostNetwork);
    }
  }
  for (const volume of objectsAt(spec, 'volumes')) defaultVolume(volume);
}

/** Always for `:latest` and untagged images, IfNotPresent for a tag or a digest. */
export function defaultPullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const last = image.slice(image.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  return colon < 0 || last.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultContainer(container: JsonObject, hostNetwork: boolean): void {
  fill(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: defaultPullPolicy(textAt(container, 'image')),
  });
  ensure(container, 'resources');
  for (const port of objectsAt(container, 'ports')) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork && (port['hostPort'] ?? 0) === 0) port['hostPort'] = port['containerPort'];
  }
  for (const variable of objectsAt(container, 'env')) {
    const ref = objectAt(variable, 'valueFrom', 'fieldRef');
    if (Object.keys(ref).length > 0) fill(ref, { apiVersion: 'v1' });
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (isObject(probe)) defaultProbe(probe);
  }
  for (const hook of ['postStart', 'preStop']) {
    const action = objectAt(container, 'lifecycle', hook);
    defaultHttpGet(action);
  }
}

/** Defaults that only a pod gets, not a template. */
export function defaultPod(spec: JsonObject): void {
  defaultPodSpec(spec);
  spec['enableServiceLinks'] ??= true;
  for (const container of [...objectsAt(spec, 'initContainers'), ...objectsAt(spec, 'containers')]) {
    defaultRequests(ensure(container, 'resources'));
  }
}

/** A limit without a request is its own request. */
function defaultRequests(resources: JsonObject): void {
  const limits = objectAt(resources, 'limits');
  if (Object.keys(limits).length === 0) return;
  const requests = ensure(resources, 'requests');
  for (const key of Object.keys(limits)) requests[key] ??= limits[key];
}

function defaultProbe(probe: JsonObject): void {
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  defaultHttpGet(probe);
}

function defaultHttpGet(action: JsonObject): void {
  const { httpGet } = action;
  if (isObject(httpGet)) fill(httpGet, { path: '/', scheme: 'HTTP' });
}

const volumeSources = [
  'hostPath',
  'emptyDir',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'persistentVolumeClaim',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'downwardAPI',
  'fc',
  'azureFile',
  'configMap',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'projected',
  'portworxVolume',
  'scaleIO',
  'storageos',
  'csi',
  'ephemeral',
  'image',
] as const;

function defaultVolume(volume: JsonObject): void {
  if (!volumeSources.some((source) => isObject(volume[source]))) volume['emptyDir'] = {};
  for (const source of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const value = volume[source];
    if (isObject(value)) fill(value, { defaultMode: fileMode });
  }
  const { hostPath, iscsi, image, azureDisk } = volume;
  if (isObject(hostPath)) hostPath['type'] ??= '';
  if (isObject(iscsi)) fill(iscsi, { iscsiInterface: 'default' });
  if (isObject(image)) fill(image, { pullPolicy: defaultPullPolicy(textAt(image, 'reference')) });
  if (isObject(azureDisk)) {
    fill(azureDisk, { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false });
  }
  const claim = objectAt(volume, 'ephemeral', 'volumeClaimTemplate', 'spec');
  if (Object.keys(claim).length > 0) fill(claim, { volumeMode: 'Filesystem' });
  for (const source of objectsAt(volume, 'projected', 'sources')) {
    const token = source['serviceAccountToken'];
    if (isObject(token)) fill(token, { expirationSeconds: 3600 });
    for (const item of objectsAt(source, 'downwardAPI', 'items')) defaultFieldRef(item);
  }
  for (const item of objectsAt(volume, 'downwardAPI', 'items')) defaultFieldRef(item);
}

function defaultFieldRef(item: JsonObject): void {
  const { fieldRef } = item;
  if (isObject(fieldRef)) fill(fieldRef, { apiVersion: 'v1' });
}
