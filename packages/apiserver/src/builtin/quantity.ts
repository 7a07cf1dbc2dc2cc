/** Resource quantities in their one spelling (`1000m` is `1`, `0.5` is `500m`). Pure. */
import { formatQuantity, newBadRequest, parseQuantity, QuantityError } from '@flotilla/api';

/**
 * The canonical text of a quantity; a value of another type is left alone.
 * @throws StatusError 400 for a text that is no quantity, as decoding it does in Kubernetes.
 */
export function canonicalQuantity(value: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number') return value;
  try {
    return formatQuantity(parseQuantity(value));
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
    throw newBadRequest(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      { cause: error },
    );
  }
}
