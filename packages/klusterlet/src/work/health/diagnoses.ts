/**
 * Adds to the health of what is not healthy why that is so. A pass hands its observations in and gets them back with
 * what is known; what is not known is found out beside, after a few seconds, since most things only need a moment, and
 * again while it lasts. Bounded by what the passes show. Called by the work reconciler.
 */
import { healthReason } from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type KubeClient,
  type ReconcileResult,
} from '@flotilla/kube';
import type { ManifestObservation } from '../status/observation.js';
import { diagnose, type Patient } from './diagnose.js';

export interface Diagnoses {
  /** Of a pass over a work, in place of what was observed. */
  refine(work: string, observations: readonly ManifestObservation[]): readonly ManifestObservation[];
  forget(work: string): void;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export interface DiagnosesOptions {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly client: KubeClient;
  /** Something else is known now: the work's status is to be told anew. */
  readonly onNews: (work: string) => void;
  readonly options: { readonly diagnoseAfterMs: number; readonly diagnoseEveryMs: number };
}

interface Case {
  readonly patient: Patient;
  readonly text: string;
}

export function createDiagnoses(options: DiagnosesOptions): Diagnoses {
  return new OpenCases(options);
}

const unhealthy: readonly string[] = [healthReason.inProgress, healthReason.failed];

class OpenCases implements Diagnoses {
  readonly #options: DiagnosesOptions;
  readonly #controller: Controller;
  /** By work, then by manifest. */
  readonly #cases = new Map<string, ReadonlyMap<string, Case>>();

  constructor(options: DiagnosesOptions) {
    this.#options = options;
    this.#controller = createController({
      name: 'diagnosis',
      env: options.env,
      concurrency: 2,
      baseDelayMs: options.options.diagnoseAfterMs,
      maxDelayMs: options.options.diagnoseEveryMs * 10,
      reconcile: (work, { signal }) => this.#examine(work, signal),
    });
  }

  start(signal: AbortSignal): void {
    this.#controller.start(signal);
  }

  close(): Promise<void> {
    return this.#controller.close();
  }

  forget(work: string): void {
    this.#cases.delete(work);
  }

  refine(work: string, observations: readonly ManifestObservation[]): readonly ManifestObservation[] {
    const before = this.#cases.get(work);
    const cases = new Map<string, Case>();
    const refined = observations.map((observation) => {
      const patient = patientOf(observation);
      if (patient === undefined || observation.health === undefined) return observation;
      const id = JSON.stringify(patient);
      const text = before?.get(id)?.text ?? '';
      cases.set(id, { patient, text });
      if (text === '') return observation;
      const { health } = observation;
      return { ...observation, health: { ...health, message: `${health.message}; ${text}` } };
    });
    if (cases.size === 0) {
      this.#cases.delete(work);
      return observations;
    }
    this.#cases.set(work, cases);
    if (before === undefined) this.#controller.enqueueAfter(work, this.#options.options.diagnoseAfterMs);
    return refined;
  }

  async #examine(work: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { client, onNews, options } = this.#options;
    let isNews = false;
    for (const [id, { patient }] of this.#cases.get(work) ?? []) {
      const text = await diagnose(client, patient, signal);
      const now = this.#cases.get(work);
      const known = now?.get(id);
      if (now === undefined || known === undefined || known.text === text) continue;
      this.#cases.set(work, new Map(now).set(id, { patient, text }));
      isNews = true;
    }
    if (isNews) onNews(work);
    return this.#cases.has(work) ? { requeueAfterMs: options.diagnoseEveryMs } : undefined;
  }
}

/** Undefined for what is well, and for what has no namespace, where neither pods nor events of it would be. */
function patientOf({ meta, health }: ManifestObservation): Patient | undefined {
  if (health === undefined || !unhealthy.includes(health.reason)) return undefined;
  const { group = '', version = '', resource = '', kind = '', namespace = '', name = '' } = meta;
  if (namespace === '' || resource === '') return undefined;
  return { ref: { group, version, resource, namespaced: true }, kind, namespace, name };
}
