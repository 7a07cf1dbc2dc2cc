/**
 * One ValidatingAdmissionPolicy ready to be asked: its expressions compiled, and what they say about one request with
 * one set of params. Behaviour and texts of k8s.io/apiserver pkg/admission/plugin/policy/validating. Whom it concerns
 * and what follows from a denial is the plugin's work. Pure.
 */
import {
  type AdmissionExpression,
  AdmissionExpressionError,
  type AdmissionInput,
  type AdmissionVariable,
  type AdmissionVariables,
  CelCompileError,
  compileAdmissionExpression,
  withVariables,
} from '@flotilla/api';
import { compileMatchConditions, type MatchConditions } from '../matching/match-conditions.js';
import type { PolicySpec, Validation } from './policy-types.js';

/** Undefined reason: the evaluation failed, and the failure policy makes that a denial. */
export interface Denial {
  /** Of the validation in the policy's list; 0 where it is no validation that failed. */
  readonly index: number;
  readonly message: string;
  readonly reason: string | undefined;
}

export interface PolicyVerdict {
  readonly denials: readonly Denial[];
  /** Failures of audit annotations: they deny whatever the binding's actions are. */
  readonly annotationErrors: readonly string[];
  /** Key and value of audit annotations, without the policy's name. */
  readonly annotations: readonly (readonly [string, string])[];
}

export interface CompiledPolicy {
  evaluate(input: AdmissionInput): PolicyVerdict;
}

/** A program, or why there is none. */
type Program = AdmissionExpression | string;

interface CompiledValidation extends Validation {
  readonly program: Program;
  readonly messageProgram: Program | undefined;
}

interface Programs {
  readonly failurePolicy: string;
  readonly conditions: MatchConditions | undefined;
  readonly variables: readonly AdmissionVariable[];
  readonly validations: readonly CompiledValidation[];
  readonly auditAnnotations: readonly {
    readonly key: string;
    readonly valueExpression: string;
    readonly program: Program;
  }[];
}

const nothing: PolicyVerdict = Object.freeze({ denials: [], annotationErrors: [], annotations: [] });
/** The longest text that an expression may give for a message; for an annotation. */
const maxMessageLength = 5 * 1024;
const maxAnnotationLength = 10 * 1024;

export function compilePolicy(spec: PolicySpec): CompiledPolicy {
  const params = spec.paramKind !== undefined;
  const names = new Set<string>();
  const variables = (spec.variables ?? []).map(({ name, expression }): AdmissionVariable => {
    const allow = { params, authorizer: true, variables: new Set(names) };
    names.add(name);
    return { name, expression: tryCompile(expression, [], allow) };
  });
  const allow = { params, authorizer: true, variables: names };
  const programs: Programs = {
    failurePolicy: spec.failurePolicy ?? 'Fail',
    conditions:
      (spec.matchConditions ?? []).length === 0
        ? undefined
        : compileMatchConditions(spec.matchConditions ?? [], { params, authorizer: true }),
    variables,
    validations: (spec.validations ?? []).map((validation) => ({
      ...validation,
      program: tryCompile(validation.expression, ['bool'], allow),
      messageProgram: validation.messageExpression
        ? tryCompile(validation.messageExpression, ['string'], { ...allow, authorizer: false })
        : undefined,
    })),
    auditAnnotations: (spec.auditAnnotations ?? []).map((annotation) => ({
      ...annotation,
      program: tryCompile(annotation.valueExpression, ['string', 'null'], allow),
    })),
  };
  return { evaluate: (input) => evaluate(programs, input) };
}

function tryCompile(expression: string, returns: readonly string[], allow: AdmissionVariables): Program {
  try {
    return compileAdmissionExpression(expression, { returns, allow });
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}

function evaluate(programs: Programs, base: AdmissionInput): PolicyVerdict {
  const ignore = programs.failurePolicy === 'Ignore';
  const outcome = programs.conditions?.evaluate(base) ?? { result: 'yes' };
  if (outcome.result === 'no') return nothing;
  if (outcome.result === 'error') {
    return ignore
      ? nothing
      : { ...nothing, denials: [{ index: 0, message: outcome.message, reason: undefined }] };
  }
  const input = withVariables(base, programs.variables);
  const denials: Denial[] = [];
  programs.validations.forEach((validation, index) => {
    const result = run(validation.program, input);
    if (result.error !== undefined) {
      if (!ignore) denials.push({ index, message: result.error, reason: undefined });
    } else if (result.value !== true) {
      denials.push({
        index,
        message: messageOf(validation, input),
        reason: validation.reason || 'Invalid',
      });
    }
  });
  return { denials, ...annotate(programs, input) };
}

interface Result {
  readonly value?: unknown;
  readonly error?: string;
}

function run(program: Program, input: AdmissionInput): Result {
  if (typeof program === 'string') return { error: `compilation error: ${program}` };
  try {
    return { value: program.evaluate(input) };
  } catch (error) {
    if (error instanceof AdmissionExpressionError) return { error: error.message };
    throw error;
  }
}

function messageOf(validation: CompiledValidation, input: AdmissionInput): string {
  const { message = '', expression, messageProgram } = validation;
  if (messageProgram !== undefined) {
    const { value } = run(messageProgram, input);
    const text = typeof value === 'string' ? value.trim() : '';
    if (text !== '' && Buffer.byteLength(text) <= maxMessageLength && !text.includes('\n')) return text;
  }
  return message.trim() || `failed expression: ${expression.trim()}`;
}

function annotate(
  { auditAnnotations, failurePolicy }: Programs,
  input: AdmissionInput,
): Pick<PolicyVerdict, 'annotations' | 'annotationErrors'> {
  const annotations: (readonly [string, string])[] = [];
  const annotationErrors: string[] = [];
  for (const { key, valueExpression, program } of auditAnnotations) {
    const { value, error } = run(program, input);
    if (error !== undefined) {
      if (failurePolicy !== 'Ignore') annotationErrors.push(error);
    } else if (typeof value === 'string') {
      const text = value.trim().slice(0, maxAnnotationLength);
      if (text !== '') annotations.push([key, text]);
    } else if (value !== null) {
      annotationErrors.push(
        `valueExpression '${valueExpression}' resulted in unsupported return type: ${typeof value}. Return type must be either string or null.`,
      );
    }
  }
  return { annotations, annotationErrors };
}
