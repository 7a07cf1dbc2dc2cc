/**
 * Checks that what a branch of allOf, anyOf, oneOf or not restricts is declared outside of it too: pruning looks at the
 * declared structure alone, so such a field would be removed before the branch saw it. Called by structural.ts.
 */
import type { FieldError } from '../status.js';
import { nodeOf } from './compile.js';
import { required } from './field-errors.js';
import type { Schema } from './schema.js';

/** Checks the branches of one structural node. */
export function checkBranches(
  schema: Schema,
  { path, errors }: { readonly path: string; readonly errors: FieldError[] },
): void {
  checkNested(schema, schema, { structure: path, branch: path, errors });
}

/** The branches of `owner`, which restrict what `schema` declares. */
function checkNested(schema: Schema, owner: Schema, { structure, branch, errors }: Branch): void {
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    (owner[name] ?? []).forEach((each, i) => {
      checkComplete(schema, each, { structure, branch: `${branch}.${name}[${i}]`, errors });
    });
  }
  if (owner.not !== undefined)
    checkComplete(schema, owner.not, { structure, branch: `${branch}.not`, errors });
}

interface Branch {
  readonly structure: string;
  readonly branch: string;
  readonly errors: FieldError[];
}

/** A field that a branch restricts must be declared outside of it too, or pruning would remove it. */
function checkComplete(schema: Schema, branch: Schema, { structure, branch: path, errors }: Branch): void {
  for (const [key, property] of Object.entries(branch.properties ?? {})) {
    const declared = nodeOf(schema).properties.get(key)?.schema ?? nodeOf(schema).additional?.schema;
    const at = `${structure}.properties[${key}]`;
    const inner = `${path}.properties[${key}]`;
    if (declared !== undefined) checkComplete(declared, property, { structure: at, branch: inner, errors });
    else if (
      schema['x-kubernetes-preserve-unknown-fields'] !== true &&
      schema.additionalProperties !== true
    ) {
      errors.push(required(at, `because it is defined in ${inner}`));
    }
  }
  if (branch.items !== undefined) {
    const at = `${structure}.items`;
    const inner = `${path}.items`;
    if (schema.items !== undefined)
      checkComplete(schema.items, branch.items, { structure: at, branch: inner, errors });
    else errors.push(required(at, `because it is defined in ${inner}`));
  }
  checkNested(schema, branch, { structure, branch: path, errors });
}
