/**
 * Acting as somebody else: `Impersonate-User`, `-Group`, `-Uid`, `-Extra-<key>`, each of which the caller must be
 * allowed to impersonate. k8s.io/apiserver pkg/endpoints/filters/impersonation; apiserver.md 6.1.
 */
import { newBadRequest, newForbidden } from '@flotilla/api';
import { type Authorizer, describeRefusal, type ResourceAttributes } from '../authorization/attributes.js';
import type { UserInfo } from './user.js';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const extraPrefix = 'impersonate-extra-';
const accountForm = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** The caller itself when nothing is asked. @throws StatusError 400 without a user, 403 without permission. */
export function resolveImpersonation(caller: UserInfo, headers: Headers, authorizer: Authorizer): UserInfo {
  const username = first(headers['impersonate-user']);
  const uid = first(headers['impersonate-uid']);
  const groups = all(headers['impersonate-group']);
  const extra = extraOf(headers);
  if (username === '') {
    if (groups.length === 0 && uid === '' && extra.size === 0) return caller;
    throw newBadRequest(
      'requested impersonation of a group, uid or extra value without impersonating a user',
    );
  }
  const account = accountForm.exec(username);
  const subject =
    account === null
      ? { group: '', resource: 'users', name: username }
      : { group: '', resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' };
  const wanted: Omit<ResourceAttributes, 'verb'>[] = [
    subject,
    ...groups.map((name) => ({ group: '', resource: 'groups', name })),
    ...(uid === '' ? [] : [{ group: 'authentication.k8s.io', resource: 'uids', name: uid }]),
    ...[...extra].flatMap(([key, values]) =>
      values.map((name) => ({
        group: 'authentication.k8s.io',
        resource: 'userextras',
        subresource: key,
        name,
      })),
    ),
  ];
  for (const attributes of wanted) {
    const full = { verb: 'impersonate', ...attributes };
    if (!authorizer.authorize(caller, full).allowed)
      throw newForbidden(attributes, describeRefusal(caller, full));
  }
  return {
    username,
    groups: effectiveGroups(username, { groups, namespace: account?.[1] }),
    ...(uid !== '' && { uid }),
    ...(extra.size > 0 && { extra: Object.fromEntries(extra) }),
  };
}

function effectiveGroups(
  username: string,
  { groups, namespace }: { groups: readonly string[]; namespace: string | undefined },
): string[] {
  const own =
    namespace !== undefined && groups.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
      : [...groups];
  if (own.includes('system:unauthenticated')) return own;
  if (username === 'system:anonymous') return [...own, 'system:unauthenticated'];
  return own.includes('system:authenticated') ? own : [...own, 'system:authenticated'];
}

function extraOf(headers: Headers): ReadonlyMap<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(extraPrefix) || name === extraPrefix) continue;
    const key = decode(name.slice(extraPrefix.length)).toLowerCase();
    extra.set(key, [...(extra.get(key) ?? []), ...all(value)]);
  }
  return extra;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw newBadRequest(`the header ${extraPrefix}${text} is not valid percent-encoding`, { cause });
  }
}

function first(value: string | readonly string[] | undefined): string {
  return (typeof value === 'string' ? value : value?.[0]) ?? '';
}

/**
 * An array has one item for each header, whatever is in it. A text may be repeated headers that HTTP/1.1 joined, so it
 * is taken apart at commas: safe, as each part is authorized for itself, only a name with a comma is then not had.
 */
function all(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  const list = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  return list.filter((item) => item !== '');
}
