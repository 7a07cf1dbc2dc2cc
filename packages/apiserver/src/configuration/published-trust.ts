/**
 * What the ConfigMap kube-system/extension-apiserver-authentication says: whom this server believes, for servers that
 * leave authentication to it. Keys and forms are fixed by Kubernetes.
 */
import type { FrontProxySettings } from '../authentication/front-proxy.js';

export interface PublishedTrust {
  /** The ConfigMap's data, as of now. */
  readonly data: () => Readonly<Record<string, string>>;
  /** Called when the data has changed. */
  readonly onChange: (fn: () => void) => void;
}

/** Without a front proxy no `requestheader-` key is there: nobody may name a user in a header. */
export function trustData(
  clientCa: string,
  frontProxy?: FrontProxySettings,
): Readonly<Record<string, string>> {
  if (frontProxy === undefined) return { 'client-ca-file': clientCa };
  return {
    'client-ca-file': clientCa,
    'requestheader-allowed-names': JSON.stringify(frontProxy.allowedNames),
    'requestheader-client-ca-file': frontProxy.clientCa(),
    'requestheader-extra-headers-prefix': JSON.stringify(frontProxy.extraHeadersPrefix),
    'requestheader-group-headers': JSON.stringify(frontProxy.groupHeaders),
    'requestheader-uid-headers': JSON.stringify(frontProxy.uidHeaders),
    'requestheader-username-headers': JSON.stringify(frontProxy.usernameHeaders),
  };
}
