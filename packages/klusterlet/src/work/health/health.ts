/**
 * Whether a live object has become what its spec asks for: done, on its way, failed, or going. The judgement is that of
 * kstatus (sigs.k8s.io/cli-utils): what every kind may tell first, then what is known of the core kinds, then a Ready
 * condition. Beside kstatus: load balancers, API services and autoscalers; nothing depends on the clock. Pure.
 */
import { isObject, type KubeObject, parseApiVersion } from '@flotilla/api';
import { healthOfKind } from './health-of-kinds.js';
import { current, failed, type Health, inProgress, type Subject, sentence, textOf } from './health-state.js';

export function healthOf(object: KubeObject): Health {
  if (object.metadata.deletionTimestamp !== undefined) {
    return { state: 'Terminating', message: 'The object is being deleted' };
  }
  const subject = subjectOf(object);
  const told = healthToldByAll(subject);
  if (told !== undefined) return told;
  const { group } = parseApiVersion(object.apiVersion);
  return healthOfKind(group, object.kind, subject) ?? healthByReady(subject);
}

function subjectOf(object: KubeObject): Subject {
  const spec = isObject(object['spec']) ? object['spec'] : {};
  const status = isObject(object['status']) ? object['status'] : {};
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isObject) : [];
  return {
    spec,
    status,
    generation: object.metadata.generation,
    condition: (type) => {
      const found = conditions.find((each) => each['type'] === type);
      return (
        found && {
          status: textOf(found['status']),
          reason: textOf(found['reason']),
          message: textOf(found['message']),
        }
      );
    },
  };
}

function healthToldByAll({ status, generation, condition }: Subject): Health | undefined {
  const observed = status['observedGeneration'];
  if (typeof observed === 'number' && generation !== undefined && observed !== generation) {
    return inProgress(`Its controller has seen generation ${observed} of ${generation}`);
  }
  const reconciling = condition('Reconciling');
  if (reconciling?.status === 'True') return inProgress(sentence(reconciling, 'It is being reconciled'));
  const stalled = condition('Stalled');
  if (stalled?.status === 'True') return failed(sentence(stalled, 'It is stalled'));
  return undefined;
}

function healthByReady({ condition }: Subject): Health {
  const ready = condition('Ready');
  if (ready === undefined) return current('The object exists');
  if (ready.status === 'True') return current('The object is ready');
  return inProgress(sentence(ready, 'The object is not ready'));
}
