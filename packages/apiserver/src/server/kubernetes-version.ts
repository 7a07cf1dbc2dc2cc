/** The Kubernetes version that a server says it is, and what `/version` answers. */

export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The one version that our own hub states everywhere. */
export const hubKubernetesVersion: KubernetesVersion = Object.freeze({ major: 1, minor: 35, patch: 0 });

const oldest = 16;
const newest = 36;

/**
 * Reads `1.21`, `v1.21.3`.
 * @throws Error naming what is accepted.
 */
export function parseKubernetesVersion(text: string): KubernetesVersion {
  const match = /^v?1\.(\d{1,2})(?:\.(\d{1,3}))?$/.exec(text);
  const minor = Number(match?.[1]);
  if (match === null || minor < oldest || minor > newest) {
    throw new Error(
      `Kubernetes version ${JSON.stringify(text)} is not known: give 1.${oldest} to 1.${newest}`,
    );
  }
  return { major: 1, minor, patch: Number(match[2] ?? 0) };
}

/** The `GET /version` document (k8s.io/apimachinery/pkg/version.Info). */
export function versionInfo(version: KubernetesVersion): Record<string, string> {
  return {
    major: String(version.major),
    minor: String(version.minor),
    gitVersion: `v${version.major}.${version.minor}.${version.patch}+flotilla`,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
