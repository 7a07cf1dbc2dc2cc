/**
 * Writes a kubeconfig with one cluster, user and context, as kubectl and OCM's agents read it. Pure.
 * Called by the commands that hand out admin kubeconfigs and by the registration of the klusterlet.
 */
import { stringify } from 'yaml';

/** How the user proves who it is; PEM texts go in as base64, files as paths (relative ones: to the kubeconfig). */
export type KubeconfigCredential =
  | { readonly clientCertificate: string; readonly clientKey: string }
  | { readonly clientCertificateFile: string; readonly clientKeyFile: string }
  | { readonly token: string }
  | { readonly tokenFile: string };

export interface WriteKubeconfigOptions {
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
  readonly proxyUrl?: string;
  readonly credential?: KubeconfigCredential;
  /** Default `flotilla`. */
  readonly clusterName?: string;
  /** Default `admin`. */
  readonly userName?: string;
  /** Default: the cluster's name. */
  readonly contextName?: string;
  readonly namespace?: string;
}

/** YAML text. */
export function writeKubeconfig(options: WriteKubeconfigOptions): string {
  const { clusterName = 'flotilla', userName = 'admin', namespace } = options;
  const contextName = options.contextName ?? clusterName;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: clusterName, cluster: clusterEntry(options) }],
    contexts: [
      {
        name: contextName,
        context: { cluster: clusterName, user: userName, ...(namespace !== undefined && { namespace }) },
      },
    ],
    'current-context': contextName,
    preferences: {},
    users: [{ name: userName, user: options.credential === undefined ? {} : userEntry(options.credential) }],
  };
  return stringify(config, { lineWidth: 0 });
}

/**
 * The hub kubeconfig of an agent: the cluster as in its bootstrap kubeconfig, client certificate and key in files
 * beside it. Names and namespace are those that OCM's tools look for.
 */
export function writeHubKubeconfig(
  options: Omit<WriteKubeconfigOptions, 'credential' | 'userName' | 'contextName' | 'namespace'>,
): string {
  return writeKubeconfig({
    ...options,
    userName: 'default-auth',
    contextName: 'default-context',
    namespace: 'configuration',
    credential: { clientCertificateFile: 'tls.crt', clientKeyFile: 'tls.key' },
  });
}

function clusterEntry(options: WriteKubeconfigOptions): Record<string, unknown> {
  return {
    ...(options.ca !== undefined && { 'certificate-authority-data': toBase64(options.ca) }),
    ...(options.insecureSkipTlsVerify === true && { 'insecure-skip-tls-verify': true }),
    ...(options.proxyUrl !== undefined && { 'proxy-url': options.proxyUrl }),
    server: options.server,
    ...(options.tlsServerName !== undefined && { 'tls-server-name': options.tlsServerName }),
  };
}

function userEntry(credential: KubeconfigCredential): Record<string, unknown> {
  if ('token' in credential) return { token: credential.token };
  if ('tokenFile' in credential) return { tokenFile: credential.tokenFile };
  if ('clientCertificateFile' in credential) {
    return {
      'client-certificate': credential.clientCertificateFile,
      'client-key': credential.clientKeyFile,
    };
  }
  return {
    'client-certificate-data': toBase64(credential.clientCertificate),
    'client-key-data': toBase64(credential.clientKey),
  };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
