/**
 * What may be written as a ValidatingAdmissionPolicy or a binding, with kube-apiserver's texts
 * (k8s pkg/apis/admissionregistration/validation). Expressions are compiled here, so that a policy that is stored can be
 * evaluated. Called by the kinds' strategies. Pure.
 */
import {
  type AdmissionVariables,
  CelCompileError,
  compileAdmissionExpression,
  type FieldError,
  fieldErrors,
  type JsonObject,
  type KubeObject,
} from '@flotilla/api';
import { at, listAt, objectAt, objectsAt, textAt, textsAt } from '../../builtin/access.js';
import { validateMatchConditions, validateMatchResources } from '../matching/match-validation.js';

const { duplicate, invalid, notSupported, required, tooLong, tooMany } = fieldErrors;

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const failurePolicies = ['Fail', 'Ignore'];
const maxAuditAnnotations = 20;
const maxTextLength = 5 * 1024;
const qualifiedName =
  /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

/** Errors of the whole object. */
export function validatePolicy(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const errors: FieldError[] = [];
  const failurePolicy = at(spec, 'failurePolicy');
  if (failurePolicy !== undefined && !failurePolicies.includes(String(failurePolicy))) {
    errors.push(notSupported('spec.failurePolicy', failurePolicy, failurePolicies));
  }
  errors.push(...validateParamKind(spec));
  const constraints = at(spec, 'matchConstraints');
  if (constraints === undefined || constraints === null) errors.push(required('spec.matchConstraints'));
  else {
    errors.push(...validateMatchResources(objectAt(spec, 'matchConstraints'), 'spec.matchConstraints'));
    if (listAt(constraints, 'resourceRules').length === 0) {
      errors.push(required('spec.matchConstraints.resourceRules'));
    }
  }
  const params = at(spec, 'paramKind') !== undefined;
  errors.push(
    ...validateMatchConditions(objectsAt(spec, 'matchConditions'), {
      field: 'spec.matchConditions',
      allow: { params, authorizer: true },
    }),
  );
  const names = new Set<string>();
  objectsAt(spec, 'variables').forEach((variable, i) => {
    const field = `spec.variables[${i}]`;
    const allow = { params, authorizer: true, variables: new Set(names) };
    errors.push(...validateVariable(variable, { field, allow, names }));
  });
  const allow = { params, authorizer: true, variables: names };
  const validations = objectsAt(spec, 'validations');
  const annotations = objectsAt(spec, 'auditAnnotations');
  if (validations.length === 0 && annotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    errors.push(required('spec.validations', detail), required('spec.auditAnnotations', detail));
  }
  validations.forEach((validation, i) => {
    errors.push(...validateValidation(validation, { field: `spec.validations[${i}]`, allow }));
  });
  errors.push(...validateAuditAnnotations(annotations, { name: object.metadata.name ?? '', allow }));
  return errors;
}

interface Site {
  readonly field: string;
  readonly allow: AdmissionVariables;
}

function validateParamKind(spec: JsonObject): FieldError[] {
  if (at(spec, 'paramKind') === undefined) return [];
  const errors: FieldError[] = [];
  const apiVersion = textAt(spec, 'paramKind', 'apiVersion');
  if (apiVersion === '') errors.push(required('spec.paramKind.apiVersion'));
  else if (apiVersion.split('/').length > 2) {
    errors.push(
      invalid('spec.paramKind.apiVersion', apiVersion, `unexpected GroupVersion string: ${apiVersion}`),
    );
  }
  if (textAt(spec, 'paramKind', 'kind') === '') errors.push(required('spec.paramKind.kind'));
  return errors;
}

function validateVariable(
  variable: JsonObject,
  { field, allow, names }: Site & { readonly names: Set<string> },
): FieldError[] {
  const errors: FieldError[] = [];
  const name = textAt(variable, 'name');
  if (name === '') errors.push(required(`${field}.name`, 'name is not specified'));
  else if (!identifier.test(name)) {
    errors.push(invalid(`${field}.name`, name, 'name is not a valid CEL identifier'));
  } else if (names.has(name)) errors.push(duplicate(field, { name }));
  const expression = textAt(variable, 'expression');
  errors.push(...validateExpression(expression, { field: `${field}.expression`, allow, returns: [] }));
  if (name !== '') names.add(name);
  return errors;
}

function validateValidation(validation: JsonObject, { field, allow }: Site): FieldError[] {
  const errors: FieldError[] = [];
  const expression = textAt(validation, 'expression');
  const message = at(validation, 'message');
  const messageExpression = at(validation, 'messageExpression');
  errors.push(...validateExpression(expression, { field: `${field}.expression`, allow, returns: ['bool'] }));
  if (typeof messageExpression === 'string' && messageExpression !== '') {
    if (messageExpression.trim() === '') {
      errors.push(invalid(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified'));
    } else {
      errors.push(
        ...validateExpression(messageExpression, {
          field: `${field}.messageExpression`,
          allow: { ...allow, authorizer: false },
          returns: ['string'],
        }),
      );
    }
  }
  if (typeof message === 'string' && message !== '') {
    if (message.trim() === '') {
      errors.push(invalid(`${field}.message`, message, 'message must be non-empty if specified'));
    } else if (message.includes('\n')) {
      errors.push(invalid(`${field}.message`, message, 'message must not contain line breaks'));
    } else if (Buffer.byteLength(message) > maxTextLength) {
      errors.push(tooLong(`${field}.message`, maxTextLength));
    }
  } else if (expression.trim().includes('\n')) {
    errors.push(required(`${field}.message`, 'message must be specified if expression contains line breaks'));
  }
  const reason = at(validation, 'reason');
  if (reason !== undefined && !reasons.includes(String(reason))) {
    errors.push(notSupported(`${field}.reason`, reason, reasons));
  }
  return errors;
}

function validateAuditAnnotations(
  annotations: readonly JsonObject[],
  { name, allow }: { readonly name: string; readonly allow: AdmissionVariables },
): FieldError[] {
  const errors: FieldError[] = [];
  if (annotations.length > maxAuditAnnotations) {
    errors.push(tooMany('spec.auditAnnotations', annotations.length, maxAuditAnnotations));
  }
  const keys = new Set<string>();
  annotations.forEach((annotation, i) => {
    const field = `spec.auditAnnotations[${i}]`;
    const key = textAt(annotation, 'key');
    if (key === '') errors.push(required(`${field}.key`, 'key is not specified'));
    else if (!qualifiedName.test(`${name}/${key}`) || key.length > 63) {
      errors.push(
        invalid(
          `${field}.key`,
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    } else if (keys.has(key)) errors.push(duplicate(`${field}.key`, key));
    keys.add(key);
    const expression = textAt(annotation, 'valueExpression');
    const at_ = `${field}.valueExpression`;
    if (expression.trim() === '') errors.push(required(at_, 'valueExpression is not specified'));
    else if (Buffer.byteLength(expression) > maxTextLength) {
      errors.push(required(at_, `must not exceed 5kB in length`));
    } else {
      errors.push(...validateExpression(expression, { field: at_, allow, returns: ['string', 'null'] }));
    }
  });
  return errors;
}

function validateExpression(
  expression: string,
  { field, allow, returns }: Site & { readonly returns: readonly string[] },
): FieldError[] {
  if (expression.trim() === '') return [required(field, 'expression is not specified')];
  try {
    compileAdmissionExpression(expression, { returns, allow });
    return [];
  } catch (error) {
    if (error instanceof CelCompileError) return [invalid(field, expression, error.message)];
    throw error;
  }
}

const actions = ['Audit', 'Deny', 'Warn'];
const notFoundActions = ['Allow', 'Deny'];

/** Errors of a ValidatingAdmissionPolicyBinding. */
export function validateBinding(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const errors: FieldError[] = [];
  if (textAt(spec, 'policyName') === '') errors.push(required('spec.policyName'));
  if (at(spec, 'paramRef') !== undefined) errors.push(...validateParamRef(objectAt(spec, 'paramRef')));
  if (at(spec, 'matchResources') !== undefined) {
    errors.push(...validateMatchResources(objectAt(spec, 'matchResources'), 'spec.matchResources'));
  }
  const chosen = textsAt(spec, 'validationActions');
  if (chosen.length === 0) errors.push(required('spec.validationActions'));
  chosen.forEach((action, i) => {
    const field = `spec.validationActions[${i}]`;
    if (!actions.includes(action)) errors.push(notSupported(field, action, actions));
    if (chosen.indexOf(action) < i) errors.push(duplicate(field, action));
  });
  if (chosen.includes('Deny') && chosen.includes('Warn')) {
    errors.push(
      invalid(
        'spec.validationActions',
        chosen,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  }
  return errors;
}

function validateParamRef(ref: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const named = textAt(ref, 'name') !== '';
  const selects = at(ref, 'selector') !== undefined;
  if (named && selects) {
    const detail = 'name and selector are mutually exclusive';
    errors.push(fieldErrors.forbidden('spec.paramRef.name', detail));
    errors.push(fieldErrors.forbidden('spec.paramRef.selector', detail));
  } else if (!named && !selects) {
    const detail = 'one of name or selector must be specified';
    errors.push(required('spec.paramRef', detail));
  }
  const action = textAt(ref, 'parameterNotFoundAction');
  if (action === '') errors.push(required('spec.paramRef.parameterNotFoundAction', ''));
  else if (!notFoundActions.includes(action)) {
    errors.push(notSupported('spec.paramRef.parameterNotFoundAction', action, notFoundActions));
  }
  return errors;
}
