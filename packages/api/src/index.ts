export * from './alternatives.js';
export * from './conditions.js';
export * from './feature-gates.js';
export * from './field-selectors.js';
export * from './join-string.js';
export * from './json.js';
export * from './key-fingerprint.js';
export * from './kinds/applied-manifest-work.js';
export * from './kinds/cluster-claim.js';
export * from './kinds/cluster-manager.js';
export * from './kinds/cluster-profile.js';
export * from './kinds/crd.js';
export * from './kinds/kind.js';
export * from './kinds/kinds.js';
export * from './kinds/klusterlet.js';
export * from './kinds/managed-cluster.js';
export * from './kinds/managed-cluster-addon.js';
export * from './kinds/managed-cluster-set.js';
export * from './kinds/manifest-work.js';
export type * from './kinds/manifest-work-feedback.js';
export * from './kinds/manifest-work-plan.js';
export * from './kinds/manifest-work-revision.js';
export type * from './kinds/manifest-work-spec.js';
export type { FeatureGate } from './kinds/operator-common.js';
export * from './label-selector-parser.js';
export * from './mask-secrets.js';
export * from './merge-patch.js';
export * from './names.js';
export * from './object.js';
export * from './operator-conditions.js';
export * from './plans.js';
export {
  type AdmissionExpression,
  AdmissionExpressionError,
  type AdmissionInput,
  type AdmissionVariable,
  type AdmissionVariables,
  compileAdmissionExpression,
  createAdmissionInput,
  undefinedFieldProblem,
  withParams,
  withVariables,
} from './schema/cel-admission.js';
export { type CelAccess, type CelRequestResource, createCelAuthorizer } from './schema/cel-authorizer.js';
export {
  type ConditionEvaluation,
  ConditionExpressionError,
  conditionExpressionProblem,
  createConditionEvaluation,
} from './schema/cel-conditions.js';
export { CelCompileError, type CelProgram, compileCel } from './schema/cel-environment.js';
export { toCelValue } from './schema/cel-values.js';
export { applyDefaults } from './schema/default.js';
export type { Infer, TypedSchema } from './schema/dsl.js';
export * as dsl from './schema/dsl.js';
export * as fieldErrors from './schema/field-errors.js';
export { pruneObjectMeta, validateObjectMeta } from './schema/object-meta.js';
export { compilePattern, type Pattern, patternProblem } from './schema/pattern.js';
export { pruneUnknown } from './schema/prune.js';
export * from './schema/schema.js';
export { type StructuralOptions, validateStructuralSchema } from './schema/structural.js';
export { type ValidateOptions, validateObject } from './schema/validate.js';
export * from './selectors.js';
export * from './simulation.js';
export * from './status.js';
export { JsonSyntaxError, type ParsedJson, parseJsonStrict } from './text/json.js';
export { type CompiledJsonPath, compileJsonPath, evaluateJsonPath, JsonPathError } from './text/jsonpath.js';
export {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
} from './text/quantity.js';
export { parseYaml, stringifyYaml, YamlError } from './text/yaml.js';
export * from './time.js';
export { ruleConditionProblem } from './validation/condition-type.js';
export * from './validation/manifest-work.js';
export * from './validation/names.js';
export * from './validation/utf8-length.js';
