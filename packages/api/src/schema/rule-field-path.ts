/**
 * Reads the `fieldPath` of a validation rule: `.spec.a`, `.labels['a.b/c']`. Called when a rule fails, and by CRD
 * admission, which also checks that the schema has such a field.
 */

/** The keys of the path, relative to the rule's node. @throws Error for a text that is no such path. */
export function parseFieldPath(text: string): string[] {
  const keys: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const found = /^\.([A-Za-z_][\w-]*)/.exec(rest) ?? /^\['((?:[^'\\]|\\.)*)'\]/.exec(rest);
    if (found?.[1] === undefined) throw new Error(`invalid field path ${JSON.stringify(text)}`);
    keys.push(found[1].replace(/\\(.)/g, '$1'));
    rest = rest.slice(found[0].length);
  }
  if (keys.length === 0) throw new Error('field path must not be empty');
  return keys;
}
