/** What evaluating CEL may cost, and the error that ends what costs more. Shared by the meter and the macros that it guards. */

/** What an object's rules may still spend. */
export interface CelBudget {
  steps: number;
}

/** Thrown out of an evaluation that ran too long. */
export class CelBudgetError extends Error {
  override readonly name = 'CelBudgetError';
}
