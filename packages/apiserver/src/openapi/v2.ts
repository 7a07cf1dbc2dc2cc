/**
 * The Swagger 2 document of everything that is served: as JSON for tools, and as the protobuf message
 * `openapi.v2.Document` that kubectl up to 1.28 wants before it writes anything. The protobuf form holds what those
 * clients read: the PATCH operations with their parameters and kinds, by which newer ones learn that the server
 * validates fields, and the structure of all kinds, by which older ones validate and explain them.
 */
import type { JsonObject } from '@flotilla/api';
import type { ResourceDefinition } from '../registry/resource.js';
import { ComponentCollector } from './components.js';
import { type OperationFacts, operationExtensions, type PathFacts, pathsOf } from './paths.js';
import { encodeDefinitions, yamlOf } from './v2-definitions.js';
import { message, text } from './wire-writer.js';

const info = { title: 'Kubernetes', version: 'unversioned' };

/** The JSON form. */
export function buildOpenApiV2(definitions: readonly ResourceDefinition[]): object {
  const collector = new ComponentCollector({ v2: true });
  const paths: JsonObject = {};
  for (const definition of definitions) {
    const names = collector.addKind(definition);
    for (const facts of pathsOf(definition)) paths[facts.path] = pathItem(facts, { collector, names });
  }
  return { swagger: '2.0', info, paths, definitions: collector.components() };
}

interface PathContext {
  readonly collector: ComponentCollector;
  readonly names: { readonly kind: string; readonly list: string };
}

function pathItem({ pathParameters, operations }: PathFacts, context: PathContext): JsonObject {
  const parameters = pathParameters.map((name) => ({
    name,
    in: 'path',
    required: true,
    type: 'string',
    uniqueItems: true,
  }));
  return {
    ...Object.fromEntries(operations.map((facts) => [facts.method, operation(facts, context)])),
    ...(parameters.length > 0 && { parameters }),
  };
}

function operation(facts: OperationFacts, { collector, names }: PathContext): JsonObject {
  const { body, answer, query } = facts;
  const parameters: JsonObject[] = query.map(({ name, type }) => ({
    name,
    in: 'query',
    type,
    uniqueItems: true,
  }));
  if (body !== undefined) {
    const schema =
      body === 'kind'
        ? collector.ref(names.kind)
        : body === 'patch'
          ? { type: 'object' }
          : collector.meta('DeleteOptions');
    parameters.push({ name: 'body', in: 'body', required: body !== 'deleteOptions', schema });
  }
  const schema =
    answer === 'status'
      ? collector.meta('Status')
      : collector.ref(answer === 'list' ? names.list : names.kind);
  return {
    operationId: facts.id,
    consumes: ['*/*'],
    produces: ['application/json', 'application/yaml'],
    ...operationExtensions(facts),
    parameters,
    responses: { 200: { description: 'OK', schema } },
  };
}

/** The protobuf form. Field numbers are those of gnostic's OpenAPIv2.proto. */
export function encodeOpenApiV2(definitions: readonly ResourceDefinition[]): Buffer {
  const items = definitions.flatMap((definition) =>
    pathsOf(definition).flatMap(({ path, operations }) => {
      const patch = operations.find(({ method }) => method === 'patch');
      return patch === undefined ? [] : [namedPathItem(path, patch)];
    }),
  );
  const collector = new ComponentCollector({ v2: true });
  for (const definition of definitions) collector.addKind(definition);
  return Buffer.concat([
    text(1, '2.0'),
    message(2, [text(1, info.title), text(2, info.version)]),
    message(8, items),
    message(9, encodeDefinitions(collector.components())),
  ]);
}

/** Paths.path{2: NamedPathItem{1 name, 2 value: PathItem{8 patch}}}. */
function namedPathItem(path: string, patch: OperationFacts): Buffer {
  const parameters = patch.query.map(({ name, type }) =>
    // Operation.parameters{ParametersItem.parameter{Parameter.nonBody{query{...}}}}
    message(8, [message(1, [message(2, [message(3, [text(2, 'query'), text(4, name), text(6, type)])])])]),
  );
  const extensions = Object.entries(operationExtensions(patch)).map(([name, value]) =>
    message(13, [text(1, name), message(2, [text(2, yamlOf(value))])]),
  );
  const operation = message(8, [text(5, patch.id), ...parameters, message(9, []), ...extensions]);
  return message(2, [text(1, path), message(2, [operation])]);
}
