/**
 * The `authorizer` of CEL in admission: questions about what the requesting user, or a service account, may do.
 * Function names and error texts are those of Kubernetes' authz library. What the answer is, the caller's port says.
 * Registered by cel-environment for the scopes of admission; bounded, as each question costs.
 */
import type { Environment } from '@marcbachmann/cel-js';
import { CelBudgetError } from './cel-budget.js';

/** A question as authorization understands it: of a resource, or of a path. */
export type CelAccess =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
      readonly name?: string;
    }
  | { readonly verb: string; readonly path: string };

/** Who answers. `serviceAccount` undefined: about the user of the request. */
export type CelAuthorize = (
  access: CelAccess,
  serviceAccount: { readonly namespace: string; readonly name: string } | undefined,
) => { readonly allowed: boolean; readonly reason: string };

/** What `authorizer.requestResource` is about. */
export type CelRequestResource = Omit<Extract<CelAccess, { readonly group: string }>, 'verb'>;

/** Questions that one evaluation may ask, as the reference's cost of each allows about as many. */
const maxChecks = 28;

interface Port {
  readonly authorize: CelAuthorize;
  checks: number;
}

/** The value of the variable `authorizer`. */
export class CelAuthorizer {
  readonly port: Port;
  readonly account: Parameters<CelAuthorize>[1];
  readonly requestResource: CelResourceCheck | null;

  constructor(
    port: Port,
    {
      account,
      resource,
    }: Pick<CelAuthorizer, 'account'> & { readonly resource: CelRequestResource | undefined },
  ) {
    this.port = port;
    this.account = account;
    this.requestResource = resource === undefined ? null : new CelResourceCheck(this, resource);
  }
}

/** The variable for one evaluation. */
export function createCelAuthorizer(authorize: CelAuthorize, resource: CelRequestResource): CelAuthorizer {
  return new CelAuthorizer({ authorize, checks: 0 }, { account: undefined, resource });
}

class CelPathCheck {
  readonly owner: CelAuthorizer;
  readonly path: string;

  constructor(owner: CelAuthorizer, path: string) {
    this.owner = owner;
    this.path = path;
  }
}

class CelGroupCheck {
  readonly owner: CelAuthorizer;
  readonly group: string;

  constructor(owner: CelAuthorizer, group: string) {
    this.owner = owner;
    this.group = group;
  }
}

class CelResourceCheck {
  readonly owner: CelAuthorizer;
  readonly resource: CelRequestResource;

  constructor(owner: CelAuthorizer, resource: CelRequestResource) {
    this.owner = owner;
    this.resource = resource;
  }

  with(change: Partial<CelRequestResource>): CelResourceCheck {
    return new CelResourceCheck(this.owner, { ...this.resource, ...change });
  }
}

class CelDecision {
  readonly allowed: boolean;
  readonly reason: string;

  constructor({ allowed, reason }: { readonly allowed: boolean; readonly reason: string }) {
    this.allowed = allowed;
    this.reason = reason;
  }
}

function check({ port, account }: CelAuthorizer, access: CelAccess): CelDecision {
  port.checks++;
  if (port.checks > maxChecks) {
    throw new CelBudgetError(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    );
  }
  return new CelDecision(port.authorize(access, account));
}

const prefix = 'kubernetes.authorization';
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** The name of the variable's type. */
export const celAuthorizerType = `${prefix}.Authorizer`;

/** Adds the types and functions to the environment. */
export function registerAuthorizer(env: Environment): void {
  env.registerType(`${prefix}.ResourceCheck`, CelResourceCheck);
  env.registerType(celAuthorizerType, {
    ctor: CelAuthorizer,
    fields: { requestResource: `${prefix}.ResourceCheck` },
  });
  env.registerType(`${prefix}.PathCheck`, CelPathCheck);
  env.registerType(`${prefix}.GroupCheck`, CelGroupCheck);
  env.registerType(`${prefix}.Decision`, CelDecision);
  registerQuestions(env);
  registerResource(env);
  env.registerFunction(`${prefix}.Decision.allowed(): bool`, ({ allowed }: CelDecision) => allowed);
  env.registerFunction(`${prefix}.Decision.reason(): string`, ({ reason }: CelDecision) => reason);
  // RBAC always has an answer.
  env.registerFunction(`${prefix}.Decision.errored(): bool`, () => false);
  env.registerFunction(`${prefix}.Decision.error(): string`, () => '');
}

function registerQuestions(env: Environment): void {
  env.registerFunction(
    `${celAuthorizerType}.path(string): ${prefix}.PathCheck`,
    (owner: CelAuthorizer, path: string) => {
      if (path.trim() === '') throw new Error('path must not be empty');
      return new CelPathCheck(owner, path);
    },
  );
  env.registerFunction(
    `${celAuthorizerType}.group(string): ${prefix}.GroupCheck`,
    (owner: CelAuthorizer, group: string) => new CelGroupCheck(owner, group),
  );
  env.registerFunction(
    `${celAuthorizerType}.serviceAccount(string, string): ${celAuthorizerType}`,
    ({ port }: CelAuthorizer, namespace: string, name: string) => {
      if (!subdomain.test(name)) throw new Error(`Invalid service account name`);
      if (!label.test(namespace)) throw new Error('Invalid service account namespace');
      return new CelAuthorizer(port, { account: { namespace, name }, resource: undefined });
    },
  );
  env.registerFunction(
    `${prefix}.PathCheck.check(string): ${prefix}.Decision`,
    ({ owner, path }: CelPathCheck, verb: string) => check(owner, { verb, path }),
  );
  env.registerFunction(
    `${prefix}.ResourceCheck.check(string): ${prefix}.Decision`,
    ({ owner, resource }: CelResourceCheck, verb: string) => check(owner, { ...resource, verb }),
  );
}

function registerResource(env: Environment): void {
  const type = `${prefix}.ResourceCheck`;
  env.registerFunction(
    `${prefix}.GroupCheck.resource(string): ${type}`,
    ({ owner, group }: CelGroupCheck, resource: string) => {
      if (resource.trim() === '') throw new Error('resource must not be empty');
      return new CelResourceCheck(owner, { group, resource });
    },
  );
  env.registerFunction(
    `${type}.subresource(string): ${type}`,
    (asked: CelResourceCheck, subresource: string) => asked.with({ subresource }),
  );
  env.registerFunction(`${type}.namespace(string): ${type}`, (asked: CelResourceCheck, namespace: string) =>
    asked.with({ namespace }),
  );
  env.registerFunction(`${type}.name(string): ${type}`, (asked: CelResourceCheck, name: string) =>
    asked.with({ name }),
  );
  // RBAC does not look at selectors: permission for all is asked, as the reference does with such an authorizer.
  env.registerFunction(`${type}.fieldSelector(string): ${type}`, (asked: CelResourceCheck) => asked);
  env.registerFunction(`${type}.labelSelector(string): ${type}`, (asked: CelResourceCheck) => asked);
}
