/** What a CustomResourceDefinition says when it does not say it. Changes the object in place. Pure. */
import type { Crd } from './crd-types.js';

export function defaultCrd({ spec }: Crd): void {
  spec.names ??= {};
  const { names } = spec;
  if (names.kind !== undefined && names.kind !== '') {
    if ((names.singular ?? '') === '') names.singular = names.kind.toLowerCase();
    if ((names.listKind ?? '') === '') names.listKind = `${names.kind}List`;
  }
  spec.conversion ??= {};
  const { conversion } = spec;
  if ((conversion.strategy ?? '') === '') conversion.strategy = 'None';
  const service = conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= 443;
}
