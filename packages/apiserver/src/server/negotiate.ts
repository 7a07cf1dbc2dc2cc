/**
 * Content negotiation of responses. Objects are answered in JSON or YAML; a request for protobuf falls through to
 * the JSON that every client also accepts (apiserver.md 7.1). Tables and PartialObjectMetadata are alternate
 * representations of the same media types.
 */
import { newStatusError } from '@flotilla/api';

export type Representation = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Negotiated {
  readonly as: Representation;
  readonly yaml: boolean;
  /** Version of meta.k8s.io asked for with a Table: `v1` or `v1beta1`. */
  readonly tableVersion: string;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

const plain: Negotiated = { as: 'object', yaml: false, tableVersion: 'v1' };
const representations = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** The media ranges of an Accept header, best first. Unknown parameters are kept and ignored by callers. */
export function parseAccept(header: string): readonly MediaRange[] {
  const ranges = header.split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters: Record<string, string> = {};
    for (const parameter of rest) {
      const equals = parameter.indexOf('=');
      if (equals > 0)
        parameters[parameter.slice(0, equals).toLowerCase()] = unquote(parameter.slice(equals + 1));
    }
    const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']);
    return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
  });
  return ranges
    .filter((range) => range.type !== '' && range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** @throws StatusError 406 when nothing that is asked for can be had. */
export function negotiate(accept: string | undefined): Negotiated {
  if (accept === undefined || accept.trim() === '' || accept === 'application/json') return plain;
  for (const range of parseAccept(accept)) {
    const chosen = acceptable(range);
    if (chosen !== undefined) return chosen;
  }
  throw newNotAcceptable();
}

export function newNotAcceptable(): Error {
  return newStatusError(406, 'NotAcceptable', {
    message: 'only the following media types are accepted: application/json, application/yaml',
  });
}

function acceptable({ type, parameters }: MediaRange): Negotiated | undefined {
  const json = type === 'application/json' || type === 'application/*' || type === '*/*';
  const yaml = type === 'application/yaml';
  if (!json && !yaml) return undefined;
  const as = parameters['as'];
  if (as === undefined) return { ...plain, yaml };
  if (!representations.has(as) || parameters['g'] !== 'meta.k8s.io') return undefined;
  const version = parameters['v'] ?? 'v1';
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  return { as: as as Representation, yaml, tableVersion: version }; // member of `representations`
}
