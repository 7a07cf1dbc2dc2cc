/** Which authorizer a server asks, by the names of kube-apiserver's --authorization-mode. Called when a server starts. */

export type AuthorizationMode = 'RBAC' | 'AlwaysAllow';

export const authorizationModes: readonly AuthorizationMode[] = ['RBAC', 'AlwaysAllow'];

export interface AuthorizationOptions {
  /** One mode; default RBAC. */
  readonly authorizationMode?: AuthorizationMode;
}

/** Reads the list that kube-apiserver takes. @throws Error in one sentence that says what is not served. */
export function parseAuthorizationMode(text: string): AuthorizationMode {
  const modes = text.split(',').map((mode) => mode.trim());
  for (const mode of modes) {
    if (mode === 'Node') {
      throw new Error(
        'the mode Node is not served: no kubelets connect to this server; leave it out and grant agents their rights with RBAC',
      );
    }
    if (mode === 'Webhook' || mode === 'ABAC' || mode === 'AlwaysDeny') {
      throw new Error(`the mode ${mode} is not served; use RBAC`);
    }
    if (mode !== 'RBAC' && mode !== 'AlwaysAllow') {
      throw new Error(
        `${JSON.stringify(mode)} is no authorization mode; use ${authorizationModes.join(' or ')}`,
      );
    }
  }
  // Whoever is allowed by any of the modes is allowed.
  return modes.includes('AlwaysAllow') ? 'AlwaysAllow' : 'RBAC';
}
