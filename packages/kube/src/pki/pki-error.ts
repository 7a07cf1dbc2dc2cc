/** The one error of this folder: a key, request or certificate that cannot be read, trusted or made. */
export class PkiError extends Error {
  override readonly name = 'PkiError';
}
