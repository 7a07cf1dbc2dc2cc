/**
 * Turns a jq path expression into kubectl's JSONPath: `.a.b`, `."a b"`, `.a[]`, `.a[0]` and
 * `.a[] | select(.name == "x")`, joined by pipes. That is what paths to ignored fields are made of; anything else of
 * jq is refused with a sentence, not guessed. Pure.
 */

/** An expression that is not such a path. */
export class JqPathError extends Error {
  override readonly name = 'JqPathError';
}

const tokens: readonly [RegExp, (match: RegExpExecArray, path: string) => string | undefined][] = [
  [/\s*\|\s*(?=[.s])/y, (_, path) => path],
  [/\.?\[\s*\]\??/y, (_, path) => `${path}[*]`],
  [/\.?\[\s*(\d+)\s*\]\??/y, ([, index], path) => `${path}[${index}]`],
  [/\.?\[\s*"((?:[^"\\]|\\.)*)"\s*\]\??/y, ([, key], path) => `${path}["${key}"]`],
  [/\."((?:[^"\\]|\\.)*)"\??/y, ([, key], path) => `${path}["${key}"]`],
  [/\.([A-Za-z_]\w*)\??/y, ([, key], path) => `${path}.${key}`],
  [
    /select\(\s*((?:\.[A-Za-z_]\w*)+)\s*(==|!=)\s*("(?:[^"\\]|\\.)*"|\d+|true|false)\s*\)/y,
    ([, field, operator, literal], path) =>
      path.endsWith('[*]') ? `${path.slice(0, -3)}[?(@${field}${operator}${literal})]` : undefined,
  ],
];

/** @throws JqPathError */
export function jqPathToJsonPath(expression: string): string {
  const text = expression.trim();
  let path = '';
  let at = 0;
  while (at < text.length) {
    const before = at;
    for (const [pattern, extend] of tokens) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      const next = match === null ? undefined : extend(match, path);
      if (match === null || next === undefined) continue;
      path = next;
      at += match[0].length;
      break;
    }
    if (at === before) {
      throw new JqPathError(
        `cannot read the jq path expression ${JSON.stringify(expression)} at position ${at}`,
      );
    }
  }
  if (path === '') throw new JqPathError('a jq path expression is empty');
  return path;
}
