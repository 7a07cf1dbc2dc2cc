/**
 * The file of `--authentication-config` (AuthenticationConfiguration of apiserver.config.k8s.io): issuers of tokens with
 * rules by which claims become users, and where anonymous requests are let in. Checks it whole before any of it is used,
 * since an unknown field may be a rule that somebody relies on. Pure.
 */
import { parseYaml } from '@flotilla/api';
import { jwtAlgorithms } from '../authentication/jwt/jwt-authenticator.js';
import { createIdentify } from './claim-mappings.js';
import { type Section, sectionOf } from './config-section.js';
import type { JwtIssuer } from './jwt-issuers.js';
import { checkIssuerUrl } from './oidc.js';
import { checkedBundle } from './pem-bundle.js';

export interface AuthenticationFile {
  readonly issuers: readonly JwtIssuer[];
  /** Paths where anonymous requests are let in; undefined: the file does not say. */
  readonly anonymous?: (path: string) => boolean;
}

const versions = ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1'];
/** As kube-apiserver. */
const maxIssuers = 64;

/** @throws Error in words that name the field at fault. */
export function parseAuthenticationFile(
  text: string,
  { takenIssuers }: { /** Issuers of service account tokens. */ readonly takenIssuers: readonly string[] },
): AuthenticationFile {
  const documents = parseYaml(text);
  if (documents.length !== 1) throw new Error('it must hold one YAML document');
  const root = sectionOf(documents[0], '');
  const { apiVersion, kind } = { apiVersion: root.text('apiVersion'), kind: root.text('kind') };
  if (!versions.includes(apiVersion) || kind !== 'AuthenticationConfiguration') {
    throw new Error(`it must be an AuthenticationConfiguration of ${versions.join(' or ')}`);
  }
  const issuers = root.sections('jwt').map(issuerOf);
  const anonymous = root.optionalSection('anonymous');
  const file = { issuers, ...(anonymous && { anonymous: anonymousOf(anonymous) }) };
  root.refuseOthers();
  if (issuers.length > maxIssuers) throw new Error(`jwt: there may be ${maxIssuers} issuers at most`);
  checkUnique(issuers, takenIssuers);
  return file;
}

function checkUnique(issuers: readonly JwtIssuer[], takenIssuers: readonly string[]): void {
  const seen = new Set(takenIssuers);
  for (const [index, { url }] of issuers.entries()) {
    if (seen.has(url)) {
      throw new Error(`jwt[${index}].issuer.url: ${JSON.stringify(url)} already issues other tokens`);
    }
    seen.add(url);
  }
}

function issuerOf(section: Section): JwtIssuer {
  const issuer = section.section('issuer');
  const url = issuer.text('url');
  checkIssuerUrl(url, issuer.path('url'));
  const discoveryUrl = issuer.optionalText('discoveryURL');
  if (discoveryUrl !== undefined) {
    checkIssuerUrl(discoveryUrl, issuer.path('discoveryURL'));
    if (discoveryUrl === url)
      throw new Error(`${issuer.path('discoveryURL')}: must differ from the URL of the issuer`);
  }
  const audiences = issuer.texts('audiences');
  if (audiences.length === 0) throw new Error(`${issuer.path('audiences')}: Required value`);
  const policy = issuer.optionalText('audienceMatchPolicy');
  if (policy !== undefined && policy !== 'MatchAny') {
    throw new Error(`${issuer.path('audienceMatchPolicy')}: must be MatchAny`);
  }
  if (audiences.length > 1 && policy === undefined) {
    throw new Error(
      `${issuer.path('audienceMatchPolicy')}: must be MatchAny where there are several audiences`,
    );
  }
  const ca = issuer.optionalText('certificateAuthority');
  issuer.refuseOthers();
  const identify = createIdentify(section);
  section.refuseOthers();
  return {
    url,
    audiences,
    algorithms: jwtAlgorithms,
    identify,
    ...(discoveryUrl !== undefined && { discoveryUrl }),
    ...(ca !== undefined && { certificateAuthority: bundleOf(ca, issuer.path('certificateAuthority')) }),
  };
}

function bundleOf(text: string, path: string): string {
  try {
    return checkedBundle(text);
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function anonymousOf(section: Section): (path: string) => boolean {
  const enabled = section.flag('enabled');
  const conditions = section.sections('conditions').map((condition) => {
    const path = condition.text('path');
    condition.refuseOthers();
    return path;
  });
  section.refuseOthers();
  if (!enabled && conditions.length > 0) {
    throw new Error(`${section.path('conditions')}: must not be set where enabled is false`);
  }
  return (path) => enabled && (conditions.length === 0 || conditions.includes(path));
}
