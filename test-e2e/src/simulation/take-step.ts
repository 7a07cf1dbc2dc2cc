/**
 * Does what one step of a scenario asks. What takes time on its own, as people's doings do, goes on in the background;
 * what has something to tell is waited for. Called by the run.
 */
import type { Drifts } from './drifts.js';
import { askNonsense } from './nonsense.js';
import type { Action } from './scenario.js';
import { steal } from './thief.js';
import type { User } from './user.js';
import type { World } from './world.js';

export interface Stage {
  readonly world: World;
  readonly user: User;
  readonly drifts: Drifts;
}

/** A promise when the step has something to tell, which goes into the trace. */
export function takeStep(step: Action, stage: Stage): Promise<string> | undefined {
  const { world, user, drifts } = stage;
  switch (step.do) {
    case 'apply':
      user.apply(step.plan);
      return undefined;
    case 'remove':
      user.remove(step);
      return undefined;
    case 'undo':
      user.undo(step, step.pick);
      return undefined;
    case 'plan':
      user.plan(step.plan);
      return undefined;
    case 'apply as plan':
      user.applyAsPlan(step.plan);
      return undefined;
    case 'carry out':
      user.carryOut(step);
      return undefined;
    case 'label work':
      user.label(step, step.value);
      return undefined;
    case 'label cluster':
      user.labelCluster(step.cluster, step.value);
      return undefined;
    case 'steal':
      return steal(world, world.cluster(step.cluster), step.pick);
    case 'ask nonsense':
      return askNonsense(world, world.cluster(step.cluster), step.pick);
    case 'drift':
      return drifts.commit(world.cluster(step.cluster), step.drift, step.pick);
    case 'upgrade': {
      const { server } = world.cluster(step.cluster);
      const minor = Math.max(server.minor, step.minor); // no cluster goes back
      server.upgrade({ major: 1, minor, patch: 0 });
      world.model.cluster(step.cluster).minor = minor;
      world.restartAfter(server, 2000);
      return undefined;
    }
    case 'wait':
      return undefined;
    default:
      return breakSomething(step, stage);
  }
}

type Fault = Exclude<
  Action,
  {
    readonly do:
      | 'apply'
      | 'remove'
      | 'undo'
      | 'plan'
      | 'apply as plan'
      | 'carry out'
      | 'label work'
      | 'label cluster'
      | 'steal'
      | 'ask nonsense'
      | 'drift'
      | 'upgrade'
      | 'wait';
  }
>;

function breakSomething(step: Fault, stage: Stage): Promise<string> | undefined {
  const { world } = stage;
  const { network } = world;
  switch (step.do) {
    case 'cut':
      network.cut(step.link, step.mode);
      return undefined;
    case 'heal':
      network.heal(step.link);
      return undefined;
    case 'partition':
      for (const link of step.links) network.cut(link, step.mode);
      return undefined;
    case 'reunite':
      network.healAll();
      return undefined;
    case 'reset':
      noteLinkOutage(world, step.link, 0);
      network.reset(step.link);
      return undefined;
    case 'stall':
      noteLinkOutage(world, step.link, 45_000);
      network.stall(step.link);
      return undefined;
    case 'delay':
      network.setFaults({ latencyMs: [1, step.maxMs] }, step.link);
      setImpaired(world, step.link, step.maxMs > 5);
      return undefined;
    case 'narrow':
      network.setFaults({ bytesPerSecond: step.bytesPerSecond }, step.link);
      setImpaired(world, step.link, step.bytesPerSecond > 0);
      return undefined;
    case 'read slowly':
      network.setFaults({ readPieceMs: step.pieceMs }, step.link);
      setImpaired(world, step.link, step.pieceMs > 0);
      return undefined;
    case 'noise':
      for (const { name } of world.clusters) {
        const { loss } = step;
        network.setFaults({ loseRequest: loss, loseResponse: loss, breakStream: loss }, `hub-${name}`);
      }
      return undefined;
    case 'skew':
      world.node(step.node).skewMs = step.byMs;
      return undefined;
    case 'jump':
      world.jumpClock(step.node, step.byMs);
      return undefined;
    case 'disk':
      world.node(step.node).diskFault = step.fault;
      return undefined;
    case 'sleep':
      world.sleep(step.forMs);
      return undefined;
    case 'trouble':
      world.server(step.server).trouble =
        step.fault === 'none' ? undefined : { fault: step.fault, share: step.share };
      return undefined;
    default:
      return breakProcess(step, stage);
  }
}

type ProcessFault = Extract<
  Action,
  {
    readonly do:
      | 'crash hub'
      | 'crash klusterlet'
      | 'crash cluster'
      | 'forget history'
      | 'back up hub'
      | 'restore hub'
      | 'rebuild'
      | 'revoke'
      | 'deny'
      | 'remove cluster'
      | 'wipe namespace'
      | 'leave'
      | 'ambush';
  }
>;

function breakProcess(step: ProcessFault, { world, drifts }: Stage): Promise<string> | undefined {
  const { operator } = world;
  switch (step.do) {
    case 'crash hub':
    case 'crash cluster': {
      const server = step.do === 'crash hub' ? world.hub : world.cluster(step.cluster).server;
      const crash = (): void => world.restartAfter(server, step.downMs);
      if (step.after === undefined) crash();
      else server.crashAfter(step.after, crash);
      return undefined;
    }
    case 'crash klusterlet': {
      const cluster = world.cluster(step.cluster);
      const { downMs, tears = false } = step;
      const crash = (): void => world.restartKlusterletAfter(cluster, { downMs, tears });
      if (step.after === undefined) crash();
      else cluster.klusterlet.dieAfter(step.after, crash);
      return undefined;
    }
    case 'forget history': {
      const server = world.server(step.server);
      if (!server.canTell) return undefined;
      return server.forgetHistory().then(() => {
        world.restartAfter(server, step.downMs);
        return 'forgotten';
      });
    }
    case 'back up hub':
      return operator.backUpHub().then(() => 'done');
    case 'restore hub':
      return operator.restoreHub(step.downMs).then((isDone) => (isDone ? 'restored' : 'there is no back-up'));
    case 'revoke':
      world.inBackground(operator.revoke(world.cluster(step.cluster), step.awayMs));
      return undefined;
    case 'deny':
      world.inBackground(operator.deny(world.cluster(step.cluster), step.awayMs));
      return undefined;
    case 'remove cluster':
      world.inBackground(operator.remove(world.cluster(step.cluster), step.awayMs));
      return undefined;
    case 'wipe namespace':
      world.inBackground(operator.wipeNamespace(world.cluster(step.cluster)));
      return undefined;
    case 'leave': {
      const { cluster, awayMs, removes = false } = step;
      const view = world.observer.cluster(cluster);
      const leaves = (): void => {
        if (removes) {
          view.isBeingLeft = true;
          return;
        }
        world.observer.giveUp(cluster);
        world.model.cluster(cluster).kept(world.observer.ownedIn(cluster));
      };
      const comesBack = (): void => {
        view.isBeingLeft = false;
      };
      const leaving = { awayMs, keepWorkloads: !removes, leaves, comesBack };
      world.inBackground(operator.leave(world.cluster(cluster), leaving));
      return undefined;
    }
    case 'rebuild': {
      const lost = (): void => {
        world.observer.rebuildCluster(step.cluster);
        world.model.cluster(step.cluster).rebuilt();
        drifts.forget(step.cluster);
      };
      world.inBackground(operator.rebuild(world.cluster(step.cluster), { downMs: step.downMs, lost }));
      return undefined;
    }
    case 'ambush': {
      const cluster = world.cluster(step.cluster);
      cluster.ambush = async ({ path, method }) => {
        if (step.before !== undefined && method !== step.before) return;
        const { ambush } = cluster;
        cluster.ambush = undefined; // its own requests are not ambushed
        if (!(await drifts.ambush(cluster, step.drift, path))) cluster.ambush ??= ambush;
      };
      return undefined;
    }
  }
}

function setImpaired(world: World, link: string, isImpaired: boolean): void {
  if (isImpaired) world.impaired.add(link);
  else world.impaired.delete(link);
}

/** Only links to clusters make a difference to how soon drift is corrected. */
function noteLinkOutage(world: World, link: string, forMs: number): void {
  const cluster = world.clusters.find(({ name }) => link === `cluster-${name}`);
  if (cluster !== undefined) world.noteOutage(cluster.name, forMs);
}
