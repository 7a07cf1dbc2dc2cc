/**
 * Field selectors: `a=b`, `a==b`, `a!=b`, joined by commas, with `\\` before a comma, equals sign or backslash in a
 * value. Which fields exist is the server's business. Error texts are those of k8s.io/apimachinery/pkg/fields. Pure.
 */
import { newBadRequest } from './status.js';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** All requirements must hold; none: everything matches. Sorted, so that equal selectors are alike. */
export type ParsedFieldSelector = readonly FieldRequirement[];

/** Reads a selector. Throws a StatusError (400) that says what is wrong. */
export function parseFieldSelector(text: string): ParsedFieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    const [, field, operator, value] = match ?? [];
    if (field === undefined || operator === undefined || value === undefined) {
      throw newBadRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    requirements.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) });
  }
  return requirements;
}

/** True when the object is selected; `read` gives a field's value, the empty text when it has none. */
export function matchesFields(selector: ParsedFieldSelector, read: (field: string) => string): boolean {
  return selector.every(({ field, operator, value }) => (read(field) === value) === (operator === '='));
}

/** The one value that the selector demands of a field, if it does: lets a list by name be a single read. */
export function exactFieldValue(selector: ParsedFieldSelector, field: string): string | undefined {
  return selector.find((item) => item.field === field && item.operator === '=')?.value;
}

/** The text form, which `parseFieldSelector` reads back. */
export function formatFieldSelector(selector: ParsedFieldSelector): string {
  return selector
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}

/** Cuts at the commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') {
      i++;
    } else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '\\') {
      const next = value.charAt(++i);
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw newBadRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      out += next;
    } else if (char === ',' || char === '=') {
      // the reference prints the character's number here
      throw newBadRequest(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    } else {
      out += char;
    }
  }
  return out;
}
