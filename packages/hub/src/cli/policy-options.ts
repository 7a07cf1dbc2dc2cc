/** The flags of `hub serve` that are policies of the hub. */
import { validateLabels } from '@flotilla/api';
import { UsageError } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { defaultHubPolicies, type HubPolicies } from '../policies.js';

export interface PolicyFlags {
  readonly labels?: Readonly<Record<string, string>>;
  readonly autoApproveUsers?: readonly string[];
  readonly heartbeatGrace?: number;
}

export function addPolicyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--labels <key=value,...>',
        'labels for the namespaces and RBAC objects that the hub makes for clusters',
      ).argParser(parseLabels),
    )
    .addOption(
      new Option(
        '--auto-approve-users <user,...>',
        'users whose clusters are accepted and get their first certificate without "hub approve"',
      ).argParser((text) => listOf('--auto-approve-users', text)),
    )
    .addOption(
      new Option(
        '--heartbeat-grace <count>',
        'after how many lease durations without a heartbeat a cluster is Unknown; default: 5',
      ).argParser(parseGrace),
    );
}

export function policiesOf(flags: PolicyFlags): Omit<HubPolicies, 'addresses'> {
  const {
    labels = defaultHubPolicies.labels,
    autoApproveUsers = defaultHubPolicies.autoApproveUsers,
    heartbeatGrace = defaultHubPolicies.heartbeatGrace,
  } = flags;
  return { labels, autoApproveUsers, heartbeatGrace };
}

/** Agents vary their period by up to a quarter: with less than two a heartbeat that is in time would come too late. */
function parseGrace(text: string): number {
  const count = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && count >= 2 && count <= 1000) return count;
  throw new UsageError('--heartbeat-grace: give a number from 2 to 1000');
}

function listOf(flag: string, text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.some((item) => item === '')) throw new UsageError(`${flag}: there is nothing between two commas`);
  return items;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const item of listOf('--labels', text)) {
    const [key = '', value, ...rest] = item.split('=');
    if (value === undefined || rest.length > 0)
      throw new UsageError(`--labels: ${JSON.stringify(item)} is not key=value`);
    labels[key] = value;
  }
  const [error] = validateLabels(labels, '--labels');
  if (error !== undefined) throw new UsageError(`--labels is refused: ${error.message}`);
  return labels;
}
