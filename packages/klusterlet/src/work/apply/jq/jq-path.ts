/**
 * Where a jq path expression leads in an object. Expressions are of the hub's users: what they may cost is limited.
 * Called by the ignored fields of server-side apply. Pure.
 */
import type { Filter } from './jq-functions.js';
import { parseJq } from './jq-parser.js';
import { JqPathError } from './jq-tokens.js';
import type { Place } from './jq-values.js';

export { JqPathError } from './jq-tokens.js';

/** Values that one expression may look at; OCM allows it a second. */
const maxSteps = 200_000;
/** The works of a cluster share few expressions. */
const maxCached = 200;

const cache = new Map<string, Filter>();

/**
 * Places of the values that the expression leads to, the same one perhaps more than once; nothing may be there.
 * @throws JqPathError whose message names the expression
 */
export function locateJqPaths(expression: string, root: unknown): Place[] {
  try {
    const filter = compile(expression);
    let steps = 0;
    const spend = () => {
      if (++steps > maxSteps) throw new JqPathError('it looks at too many values');
    };
    const places: Place[] = [];
    for (const { place } of filter({ value: root, place: [] }, spend)) {
      spend();
      if (place === undefined) throw new JqPathError('it computes a value, which is no path');
      places.push(place);
    }
    return places;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new JqPathError(`cannot use the jq path expression ${JSON.stringify(expression)}: ${why}`, {
      cause,
    });
  }
}

function compile(expression: string): Filter {
  const known = cache.get(expression);
  if (known !== undefined) return known;
  const filter = parseJq(expression);
  if (cache.size >= maxCached) cache.clear();
  cache.set(expression, filter);
  return filter;
}
