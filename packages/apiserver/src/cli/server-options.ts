/**
 * The flags of kube-apiserver that `apiserver` and `hub serve` take alike, under its names, so that launchers written
 * for it fit. Only reads the command line: what the values mean is in `configuration`. Light, since every `hub` command
 * builds its help.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditOptions } from '../configuration/audit.js';
import type { AuthenticationOptions } from '../configuration/authentication.js';
import { type AuthorizationOptions, parseAuthorizationMode } from '../configuration/authorization.js';
import type { CertificateOptions } from '../configuration/certificates.js';
import type { ServingOptions } from '../configuration/serving.js';
import { parseGoDuration } from '../server/go-duration.js';

/** What the flags say, under the names that commander gives them. */
export interface ServerFlags
  extends ServingOptions,
    AuthenticationOptions,
    AuthorizationOptions,
    CertificateOptions,
    AuditOptions {}

/** Adds all flags, in groups. */
export function addServerOptions(command: Command): Command {
  for (const [group, options] of groups()) {
    for (const option of options) command.addOption(option.helpGroup(group));
  }
  return command;
}

function groups(): readonly (readonly [string, readonly Option[]])[] {
  return [
    ['Serving:', servingFlags()],
    ['Certificates that it issues:', certificateFlags()],
    ['Limits:', limitFlags()],
    ['Authentication:', authenticationFlags()],
    ['Tokens of an OpenID issuer:', oidcFlags()],
    ['Front proxy:', frontProxyFlags()],
    ['Service account tokens:', serviceAccountFlags()],
    ['Authorization:', [authorizationModeFlag()]],
    ['Audit:', auditFlags()],
  ];
}

function servingFlags(): Option[] {
  return [
    new Option(
      '--tls-cert-file <file>',
      'serving certificate (PEM, its issuers after it), loaded again when it changes; default: one of its own',
    ),
    new Option('--tls-private-key-file <file>', 'key of --tls-cert-file'),
    new Option(
      '--cert-dir <dir>',
      'where apiserver.crt and apiserver.key are looked for when --tls-cert-file is not given',
    ),
    new Option(
      '--tls-min-version <version>',
      'oldest TLS version that it speaks; default: VersionTLS12',
    ).choices(['VersionTLS12', 'VersionTLS13']),
  ];
}

function certificateFlags(): Option[] {
  return [
    new Option(
      '--cluster-signing-duration <duration>',
      'longest life of a client certificate; a request may ask for less; default: 8760h',
    ).argParser(parseLife),
    new Option(
      '--serving-certificate-duration <duration>',
      'life of its own serving certificate, renewed in the last third or 60 days; default: 8760h',
    ).argParser(parseLife),
  ];
}

function parseLife(text: string): number {
  const lifeMs = orInvalid(() => parseGoDuration(text));
  if (lifeMs >= 1000) return lifeMs;
  throw new InvalidArgumentError('give a duration of at least 1s.');
}

function limitFlags(): Option[] {
  const count = (flag: string, text: string): Option =>
    new Option(`${flag} <count>`, text).argParser(parseLimit);
  return [
    count(
      '--max-requests-inflight',
      'reads worked on at once; with the writes they are shared out among priority levels; default: 400',
    ),
    count('--max-mutating-requests-inflight', 'writes worked on at once; default: 200'),
    new Option(
      '--request-timeout <duration>',
      'longest time for a request that is no watch or stream; default: 1m',
    ).argParser(parseTimeout),
    count('--http2-max-streams-per-connection', 'requests at once on one connection; default: 1000'),
  ];
}

function parseTimeout(text: string): number {
  const timeoutMs = orInvalid(() => parseGoDuration(text));
  if (timeoutMs >= 1000) return timeoutMs;
  throw new InvalidArgumentError('give a duration of at least 1s.');
}

function authenticationFlags(): Option[] {
  return [
    new Option(
      '--anonymous-auth [boolean]',
      'whether requests without credentials are those of system:anonymous; default: true',
    ).argParser(parseBoolean),
    new Option(
      '--client-ca-file <file>',
      'issuers of client certificates (PEM) to believe besides its own, loaded again when they change',
    ),
    new Option(
      '--token-auth-file <file>',
      'bearer tokens, one a line: token,user,uid,"group1,group2"; loaded again when it changes',
    ),
  ];
}

function oidcFlags(): Option[] {
  return [
    new Option('--oidc-issuer-url <url>', 'the issuer (https), as in the claim iss of its tokens'),
    new Option('--oidc-client-id <id>', 'for whom tokens must be, as in their claim aud'),
    new Option('--oidc-username-claim <claim>', "the user's name; default: sub"),
    new Option(
      '--oidc-username-prefix <text>',
      'put before names, - for nothing; default: the issuer and #, but nothing before an email',
    ),
    new Option('--oidc-groups-claim <claim>', "the user's groups, a text or a list; default: none"),
    new Option('--oidc-groups-prefix <text>', 'put before groups; default: nothing'),
    new Option(
      '--oidc-required-claim <claim=value>',
      'a claim that tokens must have; may be given several times',
    ).argParser(collectList),
    new Option(
      '--oidc-signing-algs <list>',
      'algorithms of signatures that are believed; default: RS256',
    ).argParser(collectList),
    new Option(
      '--oidc-ca-file <file>',
      "issuers of the issuer's serving certificate (PEM); default: those that the machine trusts",
    ),
    new Option(
      '--authentication-config <file>',
      'AuthenticationConfiguration (YAML): several issuers, rules in CEL, anonymous requests; loaded again when it changes',
    ),
  ];
}

function frontProxyFlags(): Option[] {
  return [
    new Option(
      '--requestheader-client-ca-file <file>',
      'issuers of certificates (PEM) of proxies that name the user in headers, loaded again when they change',
    ),
    new Option(
      '--requestheader-allowed-names <list>',
      'common names of such proxies; default: all that have a certificate',
    ).argParser(collectList),
    new Option(
      '--requestheader-username-headers <list>',
      "headers with the user's name; default: X-Remote-User",
    ).argParser(collectList),
    new Option(
      '--requestheader-uid-headers <list>',
      "headers with the user's uid; default: X-Remote-Uid",
    ).argParser(collectList),
    new Option(
      '--requestheader-group-headers <list>',
      "headers with the user's groups; default: X-Remote-Group",
    ).argParser(collectList),
    new Option(
      '--requestheader-extra-headers-prefix <list>',
      'beginnings of headers with more about the user; default: X-Remote-Extra-',
    ).argParser(collectList),
  ];
}

function serviceAccountFlags(): Option[] {
  return [
    new Option(
      '--service-account-issuer <url>',
      'who issues service account tokens; may be given several times: the first signs, all are believed; default: its URL',
    ).argParser(collect),
    new Option(
      '--service-account-key-file <file>',
      'keys (PEM) whose service account tokens are believed besides the signing key; may be given several times',
    ).argParser(collect),
    new Option(
      '--service-account-signing-key-file <file>',
      'private key (PEM, RSA or EC) that signs service account tokens; default: one of its own',
    ),
    new Option(
      '--api-audiences <list>',
      'audiences that stand for this server, separated by commas; default: the issuers',
    ).argParser(collectList),
    new Option(
      '--service-account-max-token-expiration <duration>',
      'longest life of a service account token, 1h or more; default: what is asked for',
    ).argParser(parseTokenLife),
  ];
}

function authorizationModeFlag(): Option {
  return new Option('--authorization-mode <mode>', 'RBAC or AlwaysAllow; default: RBAC').argParser((text) =>
    orInvalid(() => parseAuthorizationMode(text)),
  );
}

function auditFlags(): Option[] {
  return [
    new Option(
      '--audit-log-path <file>',
      'where requests are recorded, one audit.k8s.io/v1 Event a line; - is standard output; default: nowhere',
    ),
    new Option(
      '--audit-policy-file <file>',
      'which requests are recorded, and how much of each (audit.k8s.io/v1 Policy), loaded again when it changes; default: all, without their content',
    ),
    new Option(
      '--audit-log-maxsize <megabytes>',
      'size above which the audit log is rotated; default: 100',
    ).argParser(parsePositive),
    new Option(
      '--audit-log-maxbackup <number>',
      'rotated audit logs that are kept; default: 0, all',
    ).argParser(parseCount),
    new Option(
      '--audit-log-maxage <days>',
      'age at which rotated audit logs are removed; default: 0, never',
    ).argParser(parseCount),
  ];
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('give a whole number, 0 or above.');
}

/** 0 would let nothing through. */
function parseLimit(text: string): number {
  const count = parseCount(text);
  if (count > 0) return count;
  throw new InvalidArgumentError('give a whole number above 0.');
}

/** 0 stands for the default, as kube-apiserver has it. */
function parsePositive(text: string): number | undefined {
  return parseCount(text) || undefined;
}

/** A flag that may be given several times. */
function collect(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), text];
}

/** One whose value is a list besides. */
function collectList(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...(earlier ?? []), ...items.filter((item) => item !== '')];
}

function parseBoolean(text: string): boolean {
  if (['true', 't', '1'].includes(text.toLowerCase())) return true;
  if (['false', 'f', '0'].includes(text.toLowerCase())) return false;
  throw new InvalidArgumentError('give true or false.');
}

const shortestTokenLifeMs = 3_600_000;
const longestTokenLifeMs = 2 ** 32 * 1000;

function parseTokenLife(text: string): number {
  const lifeMs = orInvalid(() => parseGoDuration(text));
  if (lifeMs >= shortestTokenLifeMs && lifeMs <= longestTokenLifeMs) return lifeMs;
  throw new InvalidArgumentError('give a duration of at least 1h and at most 2^32 seconds.');
}

function orInvalid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`);
  }
}
