/**
 * What `npm run sim` does, given its options read: runs the campaign, tells how it goes, keeps failing scenarios in the
 * corpus. Called by hack/sim.mjs.
 */
import { planScenario } from '../plan-scenario.js';
import { type CampaignOptions, runCampaign, type Summary } from './campaign.js';
import { keep, readCorpus, readEntry } from './corpus.js';
import { describeProgress, describeSummary } from './describe-summary.js';
import type { Outcome } from './messages.js';

export interface SimulateOptions {
  readonly runs: number;
  readonly baseSeed: number;
  readonly jobs: number;
  /** Real time to run for, in place of `runs`. */
  readonly forMs?: number;
  /** Nothing but the corpus. */
  readonly onlyCorpus: boolean;
  /** Nothing but fresh seeds. */
  readonly onlySeeds: boolean;
  /** Real time to look for a shorter scenario that fails like one that failed. */
  readonly shrinkForMs: number;
  /** After so many no more runs begin. */
  readonly maxFailures: number;
  /** Puts failing scenarios into the corpus. */
  readonly keeps: boolean;
  readonly say: (text: string) => void;
}

const progressEveryMs = 10_000;

/** Resolves with what came of it; the caller decides what a failure means. */
export async function simulate(options: SimulateOptions): Promise<Summary> {
  const { say, forMs, baseSeed } = options;
  const runs = options.onlyCorpus ? 0 : forMs === undefined ? options.runs : Number.POSITIVE_INFINITY;
  const corpus = options.onlySeeds ? [] : readCorpus();
  say(`${corpus.length} scenarios of the corpus${runs === 0 ? '' : `, then seeds from ${baseSeed} on`}`);
  let toldMs = performance.now();
  const summary = await runCampaign({
    ...campaignOptions(options),
    corpus,
    runs,
    ...(forMs !== undefined && { forMs }),
    onOutcome: (outcome, soFar) => {
      if (outcome.breaches.length > 0) tellFailure(outcome, options);
      if (performance.now() - toldMs < progressEveryMs) return;
      toldMs = performance.now();
      say(describeProgress(soFar));
    },
  });
  say(describeSummary(summary));
  return summary;
}

/** One seed or one file, twice: the second run must be the first to the byte. */
export async function replay(
  what: { readonly seed: number } | { readonly file: string },
  options: SimulateOptions,
): Promise<Summary> {
  const { say } = options;
  const scenario = 'seed' in what ? planScenario(what.seed) : readEntry(what.file).scenario;
  const summary = await runCampaign({
    ...campaignOptions({ ...options, jobs: 1 }),
    corpus: [{ name: `seed-${scenario.seed}`, scenario }],
    runs: 0,
    twice: true,
    onOutcome: (outcome) => {
      const isSame = outcome.breaches.every(({ promise }) => promise !== 'replay');
      const verdict = isSame ? 'the same in both of two runs' : 'NOT the same in two runs';
      say(`trace ${outcome.traceHash} (${outcome.events} durable changes), ${verdict}`);
      if (outcome.breaches.length > 0) tellFailure(outcome, options);
    },
  });
  say(describeSummary(summary));
  return summary;
}

function campaignOptions({
  baseSeed,
  jobs,
  shrinkForMs,
  maxFailures,
}: SimulateOptions): Omit<CampaignOptions, 'corpus' | 'runs'> {
  return { baseSeed, workers: jobs, shrinkForMs, maxFailures };
}

function tellFailure({ seed, breaches, failure, traceHash }: Outcome, { say, keeps }: SimulateOptions): void {
  if (failure === undefined) return;
  const { scenario, stepsBefore, text } = failure;
  const { promise = '', what = '' } = breaches[0] ?? {};
  say(
    `\nFAILED: seed ${seed}, trace ${traceHash}; ${stepsBefore} steps, ${scenario.steps.length} after shrinking`,
  );
  say(text);
  if (!keeps) return;
  const path = keep(`seed-${seed}`, { what, promise, scenario });
  say(`kept as ${path}; replay it with: npm run sim -- --replay ${path}\n`);
}
