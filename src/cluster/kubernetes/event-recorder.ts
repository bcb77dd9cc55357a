// Events (core/v1) on the objects an operator looks at. What repeats is counted on the Event that is there, and however
// much goes wrong, only so many requests are made: an Event is worth a hint, never a burden.

import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';

export interface EventSubject {
  readonly apiVersion: 'v1';
  readonly kind: 'Node' | 'Pod';
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface EventText {
  /** One word for machines: `InvalidBandwidth`. */
  readonly reason: string;
  /** A sentence for people; at most 1,024 characters are kept. */
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<ApiClient, 'json'>;
  /** Of this node. */
  readonly host: string;
  readonly signal: AbortSignal;
  /** ms, a clock that nobody sets; performance.now() unless given. */
  readonly now?: () => number;
}

interface Known {
  /** Of the Event object; undefined while it is being created. */
  name: string | undefined;
  count: number;
  /** ms of `now`; when the API server was told last. */
  toldAt: number;
}

const burst = 20;
/** One more request each such time. */
const refillMs = 10_000;
/** How often the count of one Event is brought up to date at most. */
const recountMs = 300_000;
const keptEvents = 200;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #now: () => number;
  /** In order of their last use. */
  readonly #known = new Map<string, Known>();
  #tokens = burst;
  #refilledAt: number;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#refilledAt = this.#now();
  }

  /** Resolves when the API server has it, or when it was left untold; never rejects. */
  async warn(subject: EventSubject, text: EventText): Promise<void> {
    const { kind, namespace = '', name, uid = '' } = subject;
    const key = JSON.stringify([kind, namespace, name, uid, text.reason, text.message]);
    const known = this.#remember(key);
    known.count++;
    if (known.toldAt > this.#now() - recountMs || !this.#takeToken()) return;
    known.toldAt = this.#now();
    try {
      if (known.name === undefined) known.name = await this.#create(subject, text, known.count);
      else await this.#recount(subject, known.name, known.count);
    } catch (error) {
      // Events expire after an hour; the next occurrence makes a new one.
      if (error instanceof ApiError && error.status === 404) this.#known.delete(key);
    }
  }

  async #create(subject: EventSubject, text: EventText, count: number): Promise<string> {
    const { host, client, signal } = this.#options;
    // Where `kubectl describe node` looks for a node's.
    const namespace = subject.namespace ?? 'default';
    const name = `${subject.name}.${Date.now().toString(16)}${Math.trunc(Math.random() * 65_536).toString(16)}`;
    const time = new Date().toISOString();
    const uid = subject.kind === 'Node' ? subject.name : subject.uid;
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { ...subject, ...(uid === undefined ? {} : { uid }) },
      reason: text.reason,
      message: text.message.slice(0, 1024),
      type: 'Warning',
      source: { component: 'heddle', host },
      reportingComponent: 'heddle',
      reportingInstance: host,
      firstTimestamp: time,
      lastTimestamp: time,
      count,
    });
    await client.json({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/events`,
      verb: 'create',
      resource: 'events',
      contentType: 'application/json',
      body,
      signal,
    });
    return name;
  }

  async #recount(subject: EventSubject, name: string, count: number): Promise<void> {
    const lastTimestamp = new Date().toISOString();
    await this.#options.client.json({
      method: 'PATCH',
      path: `/api/v1/namespaces/${subject.namespace ?? 'default'}/events/${name}`,
      verb: 'patch',
      resource: 'events',
      contentType: 'application/merge-patch+json',
      body: JSON.stringify({ count, lastTimestamp }),
      signal: this.#options.signal,
    });
  }

  #remember(key: string): Known {
    const known = this.#known.get(key) ?? { name: undefined, count: 0, toldAt: -Infinity };
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > keptEvents && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  #takeToken(): boolean {
    const earned = Math.floor((this.#now() - this.#refilledAt) / refillMs);
    this.#tokens = Math.min(burst, this.#tokens + earned);
    this.#refilledAt += earned * refillMs;
    if (this.#tokens === 0) return false;
    this.#tokens--;
    return true;
  }
}
