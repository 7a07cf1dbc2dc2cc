/**
 * Query parameters of the API verbs, parsed and validated once at the edge: list and watch options, write options,
 * delete options. Wrong values are refused with the Status that kube-apiserver answers. Pure.
 */
import { type FieldError, fieldErrors, newBadRequest, newInvalid } from '@flotilla/api';
import { managerName, validateFieldManager } from '../field-manager/request-options.js';

const { forbidden, invalid, notSupported, required } = fieldErrors;

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteQuery {
  readonly dryRun: boolean;
  /** The `fieldManager` parameter, else the first part of User-Agent. */
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

export interface ListQuery {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** Absent and empty are the same. */
  readonly resourceVersion: string;
  readonly match: '' | 'Exact' | 'NotOlderThan';
  /** 0: no limit. */
  readonly limit: number;
  readonly continue: string;
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

const metaGroup = 'meta.k8s.io';

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw newInvalid({ group: metaGroup, resource: kind, name: '' }, errors);
}

function parseInteger(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d{1,18}$/.test(text)) {
    throw newBadRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** As Go's conversion of query parameters: anything but `false` and `0` is true. */
function parseBoolean(query: URLSearchParams, key: string): boolean | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  return text.toLowerCase() !== 'false' && text !== '0';
}

/** Options of create, update and patch; `kind` names them in errors (`CreateOptions`). */
export function parseWriteQuery(
  query: URLSearchParams,
  options: {
    readonly kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';
    readonly userAgent: string;
    readonly apply?: boolean;
  },
): WriteQuery {
  const errors: FieldError[] = [];
  const manager = query.get('fieldManager') ?? '';
  if (options.kind === 'PatchOptions') {
    if (options.apply === true) {
      if (manager === '') errors.push(required('fieldManager', 'is required for apply patch'));
    } else if (query.has('force')) {
      errors.push(forbidden('force', 'may not be specified for non-apply patch'));
    }
  }
  errors.push(...validateFieldManager(manager));
  const dryRun = checkDryRun(query.getAll('dryRun'), errors);
  const validation = query.get('fieldValidation') ?? '';
  if (validation !== '' && validation !== 'Ignore' && validation !== 'Warn' && validation !== 'Strict') {
    errors.push(notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  refuse(options.kind, errors);
  return {
    dryRun,
    fieldManager: managerName(manager, options.userAgent),
    fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation), // checked above
    force: options.apply === true && parseBoolean(query, 'force') === true,
  };
}

/** Shared by queries and delete bodies. */
export function checkDryRun(values: readonly unknown[], errors: FieldError[]): boolean {
  for (const value of values) {
    if (value !== 'All') errors.push(notSupported('dryRun', [value], ['All']));
  }
  return values.length > 0;
}

const emptyListQuery: ListQuery = Object.freeze({
  labelSelector: '',
  fieldSelector: '',
  resourceVersion: '',
  match: '',
  limit: 0,
  continue: '',
  timeoutSeconds: undefined,
  allowWatchBookmarks: false,
  sendInitialEvents: undefined,
});

/** Options of list, watch and deletecollection. */
export function parseListQuery(
  query: URLSearchParams,
  verb: 'list' | 'watch' | 'deletecollection',
): ListQuery {
  if (query.size === 0) return emptyListQuery;
  const parsed = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    limit: parseInteger(query, 'limit') ?? 0,
    continue: query.get('continue') ?? '',
    timeoutSeconds: parseInteger(query, 'timeoutSeconds'),
    allowWatchBookmarks: parseBoolean(query, 'allowWatchBookmarks') === true,
    sendInitialEvents: parseBoolean(query, 'sendInitialEvents'),
  };
  const match = query.get('resourceVersionMatch') ?? '';
  const errors =
    verb === 'watch'
      ? checkWatch(match, parsed.sendInitialEvents, parsed.continue)
      : checkList(match, parsed);
  refuse('ListOptions', errors);
  return { ...parsed, match: match as ListQuery['match'] }; // checked above
}

function checkList(
  match: string,
  options: Pick<ListQuery, 'resourceVersion' | 'continue' | 'sendInitialEvents'>,
): FieldError[] {
  const errors: FieldError[] = [];
  const field = 'resourceVersionMatch';
  if (match !== '') {
    if (options.resourceVersion === '') {
      errors.push(forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (options.continue !== '') {
      errors.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && options.resourceVersion === '0') {
      errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return errors;
}

function checkWatch(
  match: string,
  sendInitialEvents: boolean | undefined,
  continueToken: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const field = 'resourceVersionMatch';
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match !== '') {
    if (sendInitialEvents === undefined) {
      errors.push(
        forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      );
    }
    if (match !== 'NotOlderThan') errors.push(notSupported(field, match, ['NotOlderThan']));
    if (continueToken !== '') {
      errors.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
    }
  }
  return errors;
}

export type PropagationPolicy = 'Foreground' | 'Background' | 'Orphan';

export interface DeleteQuery {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: PropagationPolicy | undefined;
  /** The old form of the policy; its `false` alone makes a pending delete answer 202. */
  readonly orphanDependents: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

const propagationPolicies = ['Foreground', 'Background', 'Orphan'];

/** Delete options out of the body (a decoded DeleteOptions) or, without one, out of the query. */
export function parseDeleteOptions(
  body: Readonly<Record<string, unknown>> | undefined,
  query: URLSearchParams,
): DeleteQuery {
  const raw = body ?? {
    dryRun: query.getAll('dryRun'),
    gracePeriodSeconds: parseInteger(query, 'gracePeriodSeconds'),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: parseBoolean(query, 'orphanDependents'),
  };
  const errors: FieldError[] = [];
  const dryRun = checkDryRun(listOf(raw['dryRun']), errors);
  const policy = raw['propagationPolicy'] ?? undefined;
  const orphan = raw['orphanDependents'] ?? undefined;
  if (policy !== undefined && orphan !== undefined) {
    errors.push(
      invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  }
  if (policy !== undefined && (typeof policy !== 'string' || !propagationPolicies.includes(policy))) {
    errors.push(notSupported('propagationPolicy', policy, [...propagationPolicies, 'nil']));
  }
  refuse('DeleteOptions', errors);
  const grace = raw['gracePeriodSeconds'] ?? undefined;
  if (grace !== undefined && !Number.isInteger(grace)) {
    throw newBadRequest('gracePeriodSeconds must be a whole number of seconds');
  }
  const preconditions = raw['preconditions'];
  return {
    dryRun,
    gracePeriodSeconds: grace as number | undefined, // checked above
    propagationPolicy: policy as PropagationPolicy | undefined, // checked above
    orphanDependents: typeof orphan === 'boolean' ? orphan : undefined,
    uid: stringField(preconditions, 'uid'),
    resourceVersion: stringField(preconditions, 'resourceVersion'),
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function stringField(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const field = (value as Readonly<Record<string, unknown>>)[key];
  return typeof field === 'string' && field !== '' ? field : undefined;
}
