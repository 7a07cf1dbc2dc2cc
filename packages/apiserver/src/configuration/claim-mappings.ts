/**
 * How the claims of a token become a user, by the rules of an AuthenticationConfiguration: claims with a prefix, or CEL
 * expressions over `claims`, and at the end rules over `user`. Expressions are compiled when the file is read.
 * k8s.io/apiserver pkg/apis/apiserver/validation. Pure.
 */
import { type CelProgram, compileCel, type JsonObject, toCelValue } from '@flotilla/api';
import {
  checkRequiredClaim,
  claimOf,
  groupsOf,
  type PrefixedClaim,
  textsOf,
  usernameOf,
} from '../authentication/jwt/claim-rules.js';
import type { UserInfo } from '../authentication/user.js';
import type { Section } from './config-section.js';

type Identify = (claims: JsonObject) => UserInfo;

/** Steps that all expressions of one token may take together. */
const stepsPerToken = 1_000_000;

/** What a token says, as itself and as expressions see it. */
interface Shown {
  readonly claims: JsonObject;
  evaluate(program: CelProgram): unknown;
}

type Read<T> = (shown: Shown) => T;

/** Reads `claimMappings`, `claimValidationRules` and `userValidationRules`. @throws Error naming the field at fault. */
export function createIdentify(section: Section): Identify {
  const expressions = new Expressions();
  const checks = section.sections('claimValidationRules').map((rule) => claimCheck(rule, expressions));
  const mappings = section.section('claimMappings');
  const username = usernameReader(mappings.section('username'), expressions);
  const groups = optionalReader(mappings, 'groups', (at) => groupsReader(at, expressions));
  const uid = optionalReader(mappings, 'uid', (at) => uidReader(at, expressions));
  const extra = mappings.sections('extra').map((at) => extraReader(at, expressions));
  mappings.refuseOthers();
  const userChecks = section.sections('userValidationRules').map(userCheck);
  expressions.checkEmail(mappings.path('username.expression'));
  return (claims) => {
    const shown = show(claims);
    for (const check of checks) check(shown);
    const foundUid = uid?.(shown);
    const foundExtra = extra.map((read) => read(shown)).filter(([, values]) => values.length > 0);
    const user: UserInfo = {
      username: username(shown),
      groups: groups?.(shown) ?? [],
      ...(foundUid !== undefined && { uid: foundUid }),
      ...(foundExtra.length > 0 && { extra: Object.fromEntries(foundExtra) }),
    };
    for (const check of userChecks) check(user);
    return user;
  };
}

function show(claims: JsonObject): Shown {
  const budget = { steps: stepsPerToken };
  let value: unknown;
  return {
    claims,
    evaluate: (program) => {
      value ??= toCelValue(claims, undefined);
      return program.evaluate({ claims: value }, budget);
    },
  };
}

function optionalReader<T>(section: Section, name: string, make: (at: Section) => T): T | undefined {
  const at = section.optionalSection(name);
  return at === undefined ? undefined : make(at);
}

/** Compiles expressions over claims, and remembers what they speak of. */
class Expressions {
  readonly #others: string[] = [];
  #username = '';

  compile(expression: string, path: string, type: 'bool' | readonly string[]): CelProgram {
    this.#others.push(expression);
    return compileAt(expression, path, { type, scope: 'claims' });
  }

  compileUsername(expression: string, path: string): CelProgram {
    this.#username = expression;
    return compileAt(expression, path, { type: 'string', scope: 'claims' });
  }

  /** An address that nobody verified is whatever its holder says. */
  checkEmail(path: string): void {
    if (!/\bclaims\.\??email\b/.test(this.#username)) return;
    if ([this.#username, ...this.#others].some((text) => /\bclaims\.\??email_verified\b/.test(text))) return;
    throw new Error(
      `${path}: claims.email_verified must be used in an expression of the user name, of extra or of a claim validation rule when claims.email is used in claimMappings.username.expression`,
    );
  }
}

function compileAt(expression: string, path: string, options: Parameters<typeof compileCel>[1]): CelProgram {
  try {
    return compileCel(expression, options);
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** `claim` and `prefix`, or `expression`: one of the two. */
function claimOrExpression(at: Section): { claim: PrefixedClaim } | { expression: string } {
  const claim = at.optionalText('claim');
  const prefix = at.optionalText('prefix');
  const expression = at.optionalText('expression');
  at.refuseOthers();
  if (expression !== undefined) {
    if (claim !== undefined || prefix !== undefined) {
      throw new Error(`${at.path('expression')}: must not be set together with claim or prefix`);
    }
    return { expression };
  }
  if (claim === undefined || claim === '')
    throw new Error(`${at.path('claim')}: claim or expression is required`);
  if (prefix === undefined) {
    throw new Error(
      `${at.path('prefix')}: Required value; it may be "", which puts nothing before the claim`,
    );
  }
  return { claim: { claim, prefix } };
}

function usernameReader(at: Section, expressions: Expressions): Read<string> {
  const source = claimOrExpression(at);
  if ('claim' in source) return ({ claims }) => usernameOf(claims, source.claim);
  const program = expressions.compileUsername(source.expression, at.path('expression'));
  return (shown) => {
    const name = evaluate(shown, program, at);
    if (typeof name === 'string' && name !== '') return name;
    throw new Error(`${at.path('expression')} gives no name`);
  };
}

function groupsReader(at: Section, expressions: Expressions): Read<readonly string[]> {
  const source = claimOrExpression(at);
  if ('claim' in source) return ({ claims }) => groupsOf(claims, source.claim);
  const program = expressions.compile(source.expression, at.path('expression'), []);
  return (shown) => listOf(evaluate(shown, program, at), at.path('expression'));
}

function uidReader(at: Section, expressions: Expressions): Read<string> {
  const claim = at.optionalText('claim');
  const expression = at.optionalText('expression');
  at.refuseOthers();
  if ((claim === undefined) === (expression === undefined)) {
    throw new Error(`${at.path('claim')}: exactly one of claim and expression is required`);
  }
  const program =
    expression === undefined ? undefined : expressions.compile(expression, at.path('expression'), []);
  return (shown) => {
    const value = program === undefined ? claimOf(shown.claims, claim ?? '') : evaluate(shown, program, at);
    if (typeof value === 'string') return value;
    throw new Error(`the uid is ${JSON.stringify(value)}, not a text`);
  };
}

/** Domain and path, in lower case, as Kubernetes wants keys. */
const extraKey = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[a-z0-9._/-]+$/;

function extraReader(at: Section, expressions: Expressions): Read<readonly [string, readonly string[]]> {
  const key = at.text('key');
  const expression = at.text('valueExpression');
  at.refuseOthers();
  if (!extraKey.test(key))
    throw new Error(`${at.path('key')}: must be a domain and a path in lower case, such as example.com/team`);
  if (/^([^/]*\.)?(kubernetes|k8s)\.io\//.test(key)) {
    throw new Error(
      `${at.path('key')}: k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes`,
    );
  }
  const program = expressions.compile(expression, at.path('valueExpression'), []);
  return (shown) => [key, listOf(evaluate(shown, program, at), at.path('valueExpression'))];
}

function claimCheck(at: Section, expressions: Expressions): Read<void> {
  const claim = at.optionalText('claim');
  const requiredValue = at.optionalText('requiredValue');
  const expression = at.optionalText('expression');
  const message = at.optionalText('message');
  at.refuseOthers();
  if ((claim === undefined) === (expression === undefined)) {
    throw new Error(`${at.path('claim')}: exactly one of claim and expression is required`);
  }
  if (claim !== undefined) return ({ claims }) => checkRequiredClaim(claims, claim, requiredValue ?? '');
  const program = expressions.compile(expression ?? '', at.path('expression'), 'bool');
  return (shown) => {
    if (evaluate(shown, program, at) !== true)
      throw new Error(message ?? `${at.path('expression')} does not hold`);
  };
}

function userCheck(at: Section): (user: UserInfo) => void {
  const path = at.path('expression');
  const program = compileAt(at.text('expression'), path, { type: 'bool', scope: 'authenticatedUser' });
  const message = at.optionalText('message');
  at.refuseOthers();
  return ({ username, uid = '', groups, extra = {} }) => {
    const user = toCelValue({ username, uid, groups: [...groups], extra: { ...extra } }, undefined);
    const holds = program.evaluate({ user }, { steps: stepsPerToken });
    if (holds !== true) throw new Error(message ?? `${path} does not hold`);
  };
}

function evaluate(shown: Shown, program: CelProgram, at: Section): unknown {
  try {
    return shown.evaluate(program);
  } catch (cause) {
    const text = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause);
    throw new Error(`${at.path('expression')} failed: ${text}`, { cause });
  }
}

/** An empty text, an empty list and null mean: none. */
function listOf(value: unknown, path: string): readonly string[] {
  if (value === null || value === '') return [];
  return textsOf(value, path).filter((text) => text !== '');
}
