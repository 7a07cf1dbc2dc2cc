/**
 * The OpenAPI v3 document of one group version. kubectl reads it for `apply`, `create -f`, `edit` and `explain`;
 * the handler caches it.
 */
import type { GroupVersion, JsonObject } from '@flotilla/api';
import type { ResourceDefinition } from '../registry/resource.js';
import { ComponentCollector } from './components.js';
import { type OperationFacts, operationExtensions, type PathFacts, pathsOf } from './paths.js';

const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** The document of the definitions that belong to the group version. */
export function buildOpenApiV3(
  definitions: readonly ResourceDefinition[],
  { group, version }: GroupVersion,
): object {
  const collector = new ComponentCollector({ v2: false });
  const paths: JsonObject = {};
  for (const definition of definitions) {
    if (definition.group !== group || definition.version !== version) continue;
    const names = collector.addKind(definition);
    const isCrd = definition.origin === 'crd';
    for (const facts of pathsOf(definition)) paths[facts.path] = pathItem(facts, { collector, names, isCrd });
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths,
    components: { schemas: collector.components() },
  };
}

interface PathContext {
  readonly collector: ComponentCollector;
  readonly names: { readonly kind: string; readonly list: string };
  readonly isCrd: boolean;
}

function pathItem({ pathParameters, operations }: PathFacts, context: PathContext): JsonObject {
  const parameters = pathParameters.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', uniqueItems: true },
  }));
  return {
    ...Object.fromEntries(operations.map((facts) => [facts.method, operation(facts, context)])),
    ...(parameters.length > 0 && { parameters }),
  };
}

function operation(facts: OperationFacts, { collector, names, isCrd }: PathContext): JsonObject {
  const answer =
    facts.answer === 'status'
      ? collector.meta('Status')
      : collector.ref(facts.answer === 'list' ? names.list : names.kind);
  return {
    operationId: facts.id,
    ...operationExtensions(facts),
    ...(facts.query.length > 0 && {
      parameters: facts.query.map(({ name, type }) => ({
        name,
        in: 'query',
        schema: { type, uniqueItems: true },
      })),
    }),
    ...requestBody(facts, { collector, names, isCrd }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: answer } } } },
  };
}

function requestBody({ body }: OperationFacts, { collector, names, isCrd }: PathContext): JsonObject {
  if (body === undefined) return {};
  if (body === 'patch') {
    const types = isCrd ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes;
    const schema = { type: 'object' };
    return {
      requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, { schema }])) },
    };
  }
  const schema = body === 'kind' ? collector.ref(names.kind) : collector.meta('DeleteOptions');
  return { requestBody: { required: body === 'kind', content: { '*/*': { schema } } } };
}
