/** Status feedback of a ManifestWork: the rules that pick values, and the values picked. Pure data. */
import { feedbackJsonRawMaxLength } from '../names.js';
import { bool, enumOf, type Infer, int64, listMap, obj, required, str } from '../schema/dsl.js';

const jsonPathRule = obj(
  {
    name: required(str({ description: 'Name under which the value is reported.' })),
    version: str({ description: 'API version for which the path is meant. Empty: any.' }),
    path: required(
      str({
        description:
          'Path below status, in the JSONPath dialect of kubectl. It must lead to one number, boolean or string. ' +
          'A path that leads nowhere reports nothing.',
      }),
    ),
  },
  { description: 'One value to report.' },
);

/** One entry of `feedbackRules`. */
export const feedbackRule = obj(
  {
    type: required(
      enumOf(['WellKnownStatus', 'JSONPaths'], {
        description:
          'WellKnownStatus: the usual fields of Deployment, Job, Pod and other well-known kinds. ' +
          'JSONPaths: those that jsonPaths names.',
      }),
    ),
    jsonPaths: listMap(jsonPathRule, {
      description: 'Values to report, for type JSONPaths.',
      keys: ['name'],
    }),
  },
  { description: 'One rule about what to report.' },
);

const fieldValue = obj(
  {
    type: required(
      enumOf(['Integer', 'String', 'Boolean', 'JsonRaw'], {
        description: 'Which of the other fields is set.',
      }),
    ),
    integer: int64({ description: 'The value, for type Integer.' }),
    string: str({ description: 'The value, for type String.' }),
    boolean: bool({ description: 'The value, for type Boolean.' }),
    jsonRaw: str({
      description: 'The value as JSON text, for type JsonRaw.',
      maxLength: feedbackJsonRawMaxLength,
    }),
  },
  { description: 'The value.' },
);

const value = obj(
  { name: required(str({ description: 'Name given by the rule.' })), fieldValue: required(fieldValue) },
  { description: 'One reported value.' },
);

/** `values` of a manifest's statusFeedback. */
export const feedbackValue = listMap(value, { description: 'Reported values.', keys: ['name'] });

export type JsonPathRule = Infer<typeof jsonPathRule>;
export type FeedbackRule = Infer<typeof feedbackRule>;
export type FieldValue = Infer<typeof fieldValue>;
export type FeedbackValue = Infer<typeof value>;
