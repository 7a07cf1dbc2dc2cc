/** Durations as Go writes them: `1h30m`, `1.5h`, `90s`, `250ms`, `0`. Pure; called by parsers of flags and queries. */

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};
const whole = /^(?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+$/;

/** Milliseconds. @throws Error in words fit for the user. */
export function parseGoDuration(text: string): number {
  if (text === '0') return 0;
  if (!whole.test(text)) throw new Error('give a duration such as 90s, 5m or 1h30m');
  let totalMs = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)) {
    totalMs += Number(amount) * (units[unit] ?? 0);
  }
  return totalMs;
}
