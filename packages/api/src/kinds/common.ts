/** Pieces of schema that several kinds share. Pure data. */
import type { Condition } from '../object.js';
import type { TypedSchema } from '../schema/dsl.js';
import { atomic, dateTime, enumOf, int64, list, listMap, mapOf, obj, required, str } from '../schema/dsl.js';
import type { LabelSelector } from '../selectors.js';

/** `[<dns subdomain>/]<name>`: the form of label keys, taint keys and condition types. */
export const qualifiedNamePattern =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$';

export const dnsLabelPattern = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';

export const dnsSubdomainPattern = '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$';

const condition: TypedSchema<Condition> = obj(
  {
    type: required(
      str({
        description: 'What the condition is about, in CamelCase; may begin with a domain and a slash.',
        maxLength: 316,
        pattern: qualifiedNamePattern,
      }),
    ),
    status: required(enumOf(['True', 'False', 'Unknown'], { description: 'Whether the condition holds.' })),
    reason: required(
      str({
        description: 'Why, as one CamelCase word for programs.',
        minLength: 1,
        maxLength: 1024,
        pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      }),
    ),
    message: required(str({ description: 'Why, as a sentence for people. May be empty.', maxLength: 32768 })),
    lastTransitionTime: required(dateTime({ description: 'When the status last changed.' })),
    observedGeneration: int64({
      description: 'The metadata.generation that the writer had seen.',
      minimum: 0,
    }),
  },
  { description: 'One observation about the object.' },
);

/** `conditions`, merged by type. */
export function conditions(description: string): TypedSchema<Condition[]> {
  return listMap(condition, { description, keys: ['type'] });
}

/** `conditions` of kinds in which OCM left the list without keys. */
export function plainConditions(description: string): TypedSchema<Condition[]> {
  return list(condition, { description });
}

/** metav1.LabelSelector. */
export const labelSelector: TypedSchema<LabelSelector> = obj(
  {
    matchLabels: mapOf(str(), { description: 'Labels that must have exactly these values.' }),
    matchExpressions: atomic(
      list(
        obj(
          {
            key: required(str({ description: 'The label.' })),
            operator: required(str({ description: 'One of In, NotIn, Exists, DoesNotExist.' })),
            values: atomic(
              list(str(), { description: 'Values for In and NotIn; empty for the other operators.' }),
            ),
          },
          { description: 'One requirement.' },
        ),
        { description: 'Requirements that must all hold.' },
      ),
    ),
  },
  {
    description: 'Chooses objects by their labels. Both parts must hold; an empty selector takes everything.',
    'x-kubernetes-map-type': 'atomic',
  },
);
