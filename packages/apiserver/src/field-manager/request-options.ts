/**
 * The options by which a request names its field manager: their checks with Kubernetes' texts, and the name that a
 * request without one goes by. Called by the create, update and patch handlers. Pure.
 */
import { type FieldError, newInvalid } from '@flotilla/api';

/** A manager's name may have so many bytes. */
export const maxManagerBytes = 128;

const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

/** What a PATCH asks of field management. */
export interface PatchFieldOptions {
  /** The body is an apply configuration. */
  readonly apply: boolean;
  readonly fieldManager?: string | undefined;
  /** The query parameter, if it was sent. */
  readonly force?: boolean | undefined;
}

/** Throws StatusError 422: an apply needs a manager, only an apply may force. */
export function validatePatchOptions(options: PatchFieldOptions): void {
  const errors: FieldError[] = [];
  if (options.apply && (options.fieldManager ?? '') === '') {
    const message = 'Required value: is required for apply patch';
    errors.push({ field: 'fieldManager', reason: 'FieldValueRequired', message });
  }
  if (!options.apply && options.force !== undefined) {
    const message = 'Forbidden: may not be specified for non-apply patch';
    errors.push({ field: 'force', reason: 'FieldValueForbidden', message });
  }
  errors.push(...validateFieldManager(options.fieldManager ?? ''));
  if (errors.length > 0) throw newInvalid({ group: 'meta.k8s.io', resource: 'PatchOptions' }, errors);
}

/** What is wrong with a `fieldManager` parameter, on any write. */
export function validateFieldManager(fieldManager: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(fieldManager) > maxManagerBytes) {
    const message = `Too long: may not be more than ${maxManagerBytes} bytes`;
    errors.push({ field: 'fieldManager', reason: 'FieldValueTooLong', message });
  }
  const position = fieldManager.search(unprintable);
  if (position >= 0) {
    const text = JSON.stringify(fieldManager);
    const message = `Invalid value: ${text}: should only contain printable characters`;
    errors.push({ field: 'fieldManager', reason: 'FieldValueInvalid', message });
  }
  return errors;
}

/** The manager of a request: the parameter, else the program in its User-Agent, cut to what a name may be. */
export function managerName(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== '') return fieldManager;
  const program = (userAgent ?? '').split('/', 1)[0] ?? '';
  let name = '';
  let size = 0;
  for (const character of program) {
    if (unprintable.test(character)) continue;
    size += Buffer.byteLength(character);
    if (size > maxManagerBytes) break;
    name += character;
  }
  return name;
}
