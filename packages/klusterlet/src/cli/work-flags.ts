/** How the work agent is set by flags: what an operator may want otherwise than its defaults. */
import { feedbackJsonRawMaxLength } from '@flotilla/api';
import { parseDuration, UsageError } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { defaultWorkAgentOptions, type WorkAgentOptions } from '../work/options.js';

export interface WorkFlags {
  readonly appliedmanifestworkEvictionGracePeriod: number;
  readonly resyncPeriod: number;
  readonly maxUnaskedDeletion: number;
  readonly rawFeedbackJson?: boolean;
  readonly maxJsonRawLength: number;
}

const { evictionGracePeriodMs, resyncMs, deletionGuard, maxJsonRawLength } = defaultWorkAgentOptions;

export function addWorkFlags(command: Command): Command {
  return command
    .addOption(
      // The name is that of OCM's agent.
      new Option(
        '--appliedmanifestwork-eviction-grace-period <duration>',
        'how long a work must be missing on a hub that can be reached before what it applied is deleted',
      )
        .argParser(parseDuration)
        .default(evictionGracePeriodMs, '1h'),
    )
    .addOption(
      new Option(
        '--max-unasked-deletion <percent>',
        'when more than this share of the works vanish though nobody deleted them, "hub works confirm-deletion" has to be given first; 100: never',
      )
        .argParser(parsePercent)
        .default(deletionGuard.heldShare * 100, String(deletionGuard.heldShare * 100)),
    )
    .addOption(
      new Option(
        '--resync-period <duration>',
        'how often each work is looked over though nothing told of a change',
      )
        .argParser(parseResync)
        .default(resyncMs, '5m'),
    )
    .addOption(
      new Option(
        '--raw-feedback-json',
        'report lists, objects and fractions that feedback rules find, as JSON text; OCM calls it RawFeedbackJsonString',
      ),
    )
    .addOption(
      // The name is that of OCM's agent.
      new Option(
        '--max-json-raw-length <characters>',
        `longest such text that is reported, ${feedbackJsonRawMaxLength} at most`,
      )
        .argParser(parseRawLength)
        .default(maxJsonRawLength),
    );
}

export function workOptionsOf(flags: WorkFlags): Partial<WorkAgentOptions> {
  return {
    evictionGracePeriodMs: flags.appliedmanifestworkEvictionGracePeriod,
    resyncMs: flags.resyncPeriod,
    rawFeedbackJson: flags.rawFeedbackJson === true,
    maxJsonRawLength: flags.maxJsonRawLength,
    deletionGuard: { ...deletionGuard, heldShare: flags.maxUnaskedDeletion / 100 },
  };
}

/** As they have to stand on the command line of another klusterlet. */
export function workFlagsAsArguments(flags: WorkFlags): string[] {
  return [
    ...['--appliedmanifestwork-eviction-grace-period', `${flags.appliedmanifestworkEvictionGracePeriod}ms`],
    ...['--resync-period', `${flags.resyncPeriod}ms`],
    ...['--max-unasked-deletion', String(flags.maxUnaskedDeletion)],
  ];
}

function parsePercent(text: string): number {
  const percent = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && percent <= 100) return percent;
  throw new UsageError(`--max-unasked-deletion must be a number from 0 to 100: ${JSON.stringify(text)}`);
}

function parseResync(text: string): number {
  const resync = parseDuration(text);
  if (resync >= 1000) return resync;
  throw new UsageError('--resync-period must be at least 1s');
}

function parseRawLength(text: string): number {
  const length = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (length >= 1 && length <= feedbackJsonRawMaxLength) return length;
  throw new UsageError(
    `--max-json-raw-length must be a whole number from 1 to ${feedbackJsonRawMaxLength}: ${JSON.stringify(text)}`,
  );
}
