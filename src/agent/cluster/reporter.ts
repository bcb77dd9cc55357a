// The agent's writes to the API server: annotations and the start-up taint of its own Node, and Events for operators.
// The ClusterRole allows only these (docs/decisions/api-server-calls.md).

import { errorText } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import { EventRecorder } from '../../cluster/kubernetes/event-recorder.ts';
import type { KubernetesSource } from '../../cluster/kubernetes/kubernetes-source.ts';
import { OwnNodeWriter } from '../../cluster/kubernetes/own-node.ts';
import type { ClusterPod } from '../../cluster/objects.ts';
import type { ClusterState } from '../../cluster/state.ts';
import { annotatedBandwidth } from '../../cni/bandwidth.ts';
import { cniErrorCode } from '../../cni/error.ts';
import type { PodIdentity } from '../../cni/pod-identity.ts';
import type { ModelConfig } from '../../model/desired.ts';
import { ownFacts } from '../../model/network/peer-facts.ts';
import type { CniFailure } from '../server/cni-metrics.ts';

// The API server refuses longer messages.
const messageBytes = 1_024;

function eventMessage(text: string): string {
  const shown = printable(text, messageBytes);
  const bytes = Buffer.from(shown);
  if (bytes.length <= messageBytes) return shown;
  // If the cut is inside a character, its remainder becomes one replacement character of three bytes.
  return `${bytes.toString('utf8', 0, messageBytes - 6).replace(/\ufffd$/, '')}...`;
}

export interface ClusterReporterOptions {
  readonly kubernetes: KubernetesSource;
  readonly model: ModelConfig;
  readonly startupTaint: string | undefined;
}

export class ClusterReporter {
  readonly #options: ClusterReporterOptions;
  readonly #stop = new AbortController();
  readonly #node: OwnNodeWriter;
  readonly #events: EventRecorder;
  /** By reason: sentences about this node that have been reported and still hold. */
  readonly #told = new Map<string, readonly string[]>();

  constructor(options: ClusterReporterOptions) {
    this.#options = options;
    const { kubernetes, model, startupTaint } = options;
    const { client } = kubernetes;
    const { signal } = this.#stop;
    this.#node = new OwnNodeWriter({ client, facts: ownFacts(model), startupTaint, signal });
    this.#events = new EventRecorder({ client, host: model.nodeName, signal });
  }

  /** Writes that fail, with reasons. */
  get problems(): readonly string[] {
    return [...this.#node.problems, ...this.#events.problems];
  }

  /** Call this after each settle: updates this node's Node object. */
  settled({ nodes }: ClusterState, { isReady }: { readonly isReady: boolean }): void {
    this.#node.settle(nodes.get(this.#options.model.nodeName), { isReady });
  }

  /** All current sentences for this reason. Each is reported once while it holds. */
  nodeProblems(reason: string, texts: readonly string[]): void {
    const told = this.#told.get(reason) ?? [];
    const known = texts.filter((text) => told.includes(text) || this.nodeWarning(reason, text));
    this.#told.set(reason, known);
  }

  /** Returns false if there is no room, and the caller must repeat it later. */
  nodeWarning(reason: string, message: string): boolean {
    const subject = { apiVersion: 'v1', kind: 'Node', name: this.#options.model.nodeName } as const;
    return this.#events.warn(subject, { reason, message: eventMessage(message) });
  }

  podWarning({ namespace, name, uid }: PodIdentity, reason: string, message: string): void {
    const subject = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid } as const;
    this.#events.warn(subject, { reason, message: eventMessage(message) });
  }

  /**
   * Reports annotations of this node's pods that cannot be honoured. containerd refuses such a pod itself, but does not
   * name the annotation.
   */
  podProblems(pods: Iterable<ClusterPod>): void {
    const { nodeName } = this.#options.model;
    for (const pod of pods) {
      if (pod.node !== nodeName || pod.phase !== 'Pending') continue;
      const text = annotationProblem(pod.annotations);
      if (text !== undefined) this.podWarning(pod, 'InvalidAnnotation', text);
    }
  }

  /** Reports failures that someone has to fix. Transient ones already produce a kubelet Event. */
  cniFailure({ verb, error, pod }: CniFailure): void {
    if (verb !== 'ADD') return;
    // The message has no pod name, so that a hundred pods become one Event with a count.
    if (error.code === cniErrorCode.noAddress) {
      this.nodeWarning('AddressPoolExhausted', error.plain);
    }
    if (error.about === 'pod annotation' && pod !== undefined) {
      this.podWarning(pod, 'InvalidAnnotation', error.message);
    }
  }

  stop(): void {
    this.#stop.abort();
  }
}

function annotationProblem(annotations: ClusterPod['annotations']): string | undefined {
  try {
    annotatedBandwidth(annotations);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}
