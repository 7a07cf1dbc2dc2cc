/**
 * Refuses condition rules, feedback rules and ignored fields of a ManifestWork that no klusterlet could evaluate: CEL or
 * JSONPath that does not compile. Who writes the work hears of it at once, where OCM would only report it from each cluster. Called by
 * validateManifestWork. Pure.
 */
import type { ManifestConfigOption } from '../kinds/manifest-work-spec.js';
import { conditionExpressionProblem } from '../schema/cel-conditions.js';
import { newBadRequest } from '../status.js';
import { compileJsonPath, JsonPathError } from '../text/jsonpath.js';
import { ruleConditionProblem } from './condition-type.js';

/** Something to compile, and where it stands. */
interface Expression {
  readonly language: 'condition' | 'conditionMessage' | 'conditionType' | 'jsonPath';
  readonly text: string;
  readonly field: string;
}

/**
 * @throws StatusError 400 for the first expression that does not compile. What the old entries have already is not
 * judged again, wherever it stands now.
 */
export function validateManifestConfigs(
  configs: readonly ManifestConfigOption[],
  old: readonly ManifestConfigOption[] = [],
): void {
  let known: ReadonlySet<string> | undefined;
  for (const expression of configs.flatMap(expressionsOf)) {
    const { field, text, language } = expression;
    known ??= new Set(old.flatMap(expressionsOf).map(keyOf));
    if (known.has(keyOf(expression))) continue;
    const problem = problemOf(language, text);
    if (problem !== undefined) throw newBadRequest(`${field}: Invalid value: ${quote(text)}: ${problem}`);
  }
}

function problemOf(language: Expression['language'], text: string): string | undefined {
  if (language === 'conditionType') return ruleConditionProblem(text);
  const problem =
    language === 'jsonPath' ? jsonPathProblem(text) : conditionExpressionProblem(text, language);
  return problem && `compilation failed: ${problem}`;
}

const keyOf = ({ language, text }: Expression): string => `${language} ${text}`;

function expressionsOf(config: ManifestConfigOption, i: number): Expression[] {
  const path = `spec.manifestConfigs[${i}]`;
  const feedback = (config.feedbackRules ?? []).flatMap((rule, j) =>
    rule.type !== 'JSONPaths'
      ? []
      : (rule.jsonPaths ?? []).map(({ path: text }, k): Expression => {
          return { language: 'jsonPath', text, field: `${path}.feedbackRules[${j}].jsonPaths[${k}].path` };
        }),
  );
  const conditions = (config.conditionRules ?? []).flatMap((rule, j) => {
    const at = `${path}.conditionRules[${j}]`;
    const expressions = rule.type !== 'CEL' ? [] : (rule.celExpressions ?? []);
    const found = expressions.map((text, k): Expression => {
      return { language: 'condition', text, field: `${at}.celExpressions[${k}]` };
    });
    found.push({ language: 'conditionType', text: rule.condition, field: `${at}.condition` });
    const { messageExpression: text = '' } = rule;
    if (text !== '') found.push({ language: 'conditionMessage', text, field: `${at}.messageExpression` });
    return found;
  });
  const ignored = (config.updateStrategy?.serverSideApply?.ignoreFields ?? []).flatMap((fields, j) =>
    (fields.jsonPaths ?? []).map((text, k): Expression => {
      const field = `${path}.updateStrategy.serverSideApply.ignoreFields[${j}].jsonPaths[${k}]`;
      return { language: 'jsonPath', text, field };
    }),
  );
  return [...feedback, ...conditions, ...ignored];
}

function jsonPathProblem(path: string): string | undefined {
  try {
    compileJsonPath(path);
    return undefined;
  } catch (error) {
    if (error instanceof JsonPathError) return error.message;
    throw error;
  }
}

/** An error quotes no more than this of an expression. */
const quoteLength = 256;

function quote(text: string): string {
  return JSON.stringify(text.length <= quoteLength ? text : `${text.slice(0, quoteLength)}...`);
}
