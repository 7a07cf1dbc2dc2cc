/**
 * Tokens out of a file of comma-separated values: `token,user,uid,"group1,group2"`, the groups optional, as
 * kube-apiserver's --token-auth-file. Tokens are kept as digests and looked up by them, so that neither memory nor the
 * time of an answer tells one. Pure; the file's content comes in and is asked for at each request, as it may change.
 */
import { createHash } from 'node:crypto';
import type { TokenAuthenticator } from './authenticator.js';
import type { UserInfo } from './user.js';

/** Users by the digests of their tokens. */
export type StaticTokens = ReadonlyMap<string, UserInfo>;

/** `tokens`: those of now. */
export function createStaticTokenAuthenticator(tokens: () => StaticTokens): TokenAuthenticator {
  return {
    authenticate(token) {
      const user = tokens().get(digestOf(token));
      return user === undefined ? undefined : { user };
    },
  };
}

/** @throws Error that names the line at fault, and never what a token is. */
export function parseStaticTokens(text: string): StaticTokens {
  const tokens = new Map<string, UserInfo>();
  for (const { line, fields } of readCsv(text)) {
    const [token = '', username = '', uid = '', groups = ''] = fields.map((field) => field.trim());
    if (fields.length < 3) {
      throw new Error(
        `line ${line}: ${fields.length} of at least 3 values (token, user name, user uid, "group1,group2")`,
      );
    }
    if (token === '') throw new Error(`line ${line}: the token is empty`);
    if (username === '') throw new Error(`line ${line}: the user name is empty`);
    const digest = digestOf(token);
    if (tokens.has(digest)) throw new Error(`line ${line}: the token stands in an earlier line, too`);
    const names = groups.split(',').map((group) => group.trim());
    tokens.set(digest, {
      username,
      ...(uid !== '' && { uid }),
      groups: names.filter((group) => group !== ''),
    });
  }
  return tokens;
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

interface Row {
  /** Where it starts. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** RFC 4180, and lines that end in LF alone. Empty lines are skipped. */
function* readCsv(text: string): Generator<Row> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = line;
    const fields: string[] = [];
    for (;;) {
      const quoted = /"((?:[^"]|"")*)"[ \t]*(?=,|\r?\n|$)/y;
      const plain = /[^",\r\n]*(?=,|\r?\n|$)/y;
      quoted.lastIndex = at;
      plain.lastIndex = at;
      const match = quoted.exec(text) ?? plain.exec(text);
      if (match === null) throw new Error(`line ${line}: a quotation mark is out of place`);
      fields.push((match[1] ?? match[0]).replaceAll('""', '"'));
      line += match[0].split('\n').length - 1;
      at += match[0].length;
      if (text[at] !== ',') break;
      at++;
    }
    at += text[at] === '\r' ? 2 : 1;
    line++;
    if (fields.length > 1 || fields[0]?.trim() !== '') yield { line: first, fields };
  }
}
