/**
 * One write's way through admission: what the plugins are shown, what they leave, and the two halves of it. Called by the
 * object store for each write, and by the handlers for what goes through admission without being stored (evictions,
 * bindings, CONNECT).
 */
import type { KubeObject } from '@flotilla/api';
import {
  type AdmissionAttributes,
  type AdmissionClient,
  type AdmissionOperation,
  type AdmissionPlugin,
  admit,
  validateAdmission,
} from '../admission/admission.js';
import type { ExpectedBody } from '../handlers/body.js';
import type { WriteRequest } from './write-request.js';

export interface WriteToAdmit {
  readonly operation: AdmissionOperation;
  /** Undefined for DELETE. */
  readonly object: KubeObject | undefined;
  readonly oldObject?: KubeObject | undefined;
  /** What `object` is where it is none of the resource's own and not shown by the request's admissionView. */
  readonly body?: ExpectedBody | undefined;
}

/** One write between its two halves. */
export interface WriteInAdmission {
  /** The object as the mutating plugins leave it: another one when a webhook changed it. @throws StatusError */
  mutate(): Promise<KubeObject | undefined>;
  /** @throws StatusError of the plugin that refuses the object. */
  validate(object: KubeObject | undefined): Promise<void>;
}

export class WriteAdmission {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #client: AdmissionClient;

  constructor(plugins: readonly AdmissionPlugin[], client: AdmissionClient) {
    this.#plugins = plugins;
    this.#client = client;
  }

  open(request: WriteRequest, write: WriteToAdmit): WriteInAdmission {
    const { admissionView: view } = request;
    const { object, oldObject } = write;
    const show = (shown: KubeObject | undefined): KubeObject | undefined =>
      view === undefined || shown === undefined ? shown : view.show(shown);
    const attributes: AdmissionAttributes = {
      operation: write.operation,
      definition: request.definition,
      namespace: request.namespace,
      name: object?.metadata.name ?? request.name,
      subresource: request.subresource,
      body: view?.body ?? write.body,
      object: show(object),
      oldObject: show(oldObject),
      user: request.user,
      dryRun: request.dryRun,
      options: request.options,
      warn: (text) => request.warn(text),
      annotate: (key, value) => request.annotate?.(key, value),
      client: this.#client,
    };
    return {
      mutate: async () => {
        await admit(this.#plugins, attributes);
        const admitted = attributes.object ?? object;
        return view === undefined || admitted === undefined || object === undefined
          ? admitted
          : view.take(admitted, object);
      },
      validate: async (final) => {
        attributes.object = show(final);
        await validateAdmission(this.#plugins, attributes);
      },
    };
  }

  /** Both halves at once. Answers what the mutating half made of the object. @throws StatusError */
  async pass(request: WriteRequest, write: WriteToAdmit): Promise<KubeObject | undefined> {
    const admission = this.open(request, write);
    const object = await admission.mutate();
    await admission.validate(object);
    return object;
  }
}
