/**
 * The flags of kube-apiserver that say where the objects are kept, for the commands that choose: `apiserver` and
 * `hub serve`. Only reads the command line.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type EtcdOptions, parseEtcdPrefix, parseEtcdServer } from '../configuration/etcd.js';
import { parseGoDuration } from '../server/go-duration.js';

/** What the flags say, under the names that commander gives them. */
export interface StorageFlags extends EtcdOptions {}

/** Adds the flags, in a group of their own. */
export function addStorageOptions(command: Command): Command {
  for (const option of options()) command.addOption(option.helpGroup('Storage:'));
  return command;
}

function options(): Option[] {
  return [
    new Option(
      '--etcd-servers <urls>',
      'members of the etcd cluster (3.4 or later) that keeps the objects, separated by commas; servers with the same etcd serve the same objects; default: a store in the data directory',
    ).argParser(readServers),
    new Option('--etcd-cafile <file>', 'who signed the certificates of the etcd servers (PEM)'),
    new Option('--etcd-certfile <file>', 'client certificate for etcd (PEM)'),
    new Option('--etcd-keyfile <file>', 'key of --etcd-certfile'),
    new Option('--etcd-prefix <path>', 'under which the objects lie in etcd; default: /flotilla').argParser(
      (text) => orInvalid(() => parseEtcdPrefix(text)),
    ),
    new Option(
      '--etcd-compaction-interval <duration>',
      'how long recent events stay in memory, and how often the store, of either kind, forgets history of more than twice that; a watch that was away for longer lists again; default: 5m',
    ).argParser(parseInterval),
  ];
}

function parseInterval(text: string): number {
  const intervalMs = orInvalid(() => parseGoDuration(text));
  if (intervalMs >= 1000) return intervalMs;
  throw new InvalidArgumentError('give a duration of at least 1s.');
}

/** May be given several times, each a list. */
function readServers(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const urls = text.split(',').map((url) => url.trim());
  return [...(earlier ?? []), ...urls.map((url) => orInvalid(() => parseEtcdServer(url)))];
}

function orInvalid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`);
  }
}
