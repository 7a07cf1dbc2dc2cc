/** The one error of this folder: a key, request or certificate that cannot be read, trusted or made. */

/** `malformed`: not what it claims to be; `untrusted`: sound, but not to be believed; `unsupported`: of a kind not served. */
export type PkiErrorCode = 'malformed' | 'untrusted' | 'unsupported' | 'expired';

/** The message is one sentence part without a capital, fit to stand behind a colon. */
export class PkiError extends Error {
  override readonly name = 'PkiError';
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
