// Writes Events (core/v1) for objects that an operator looks at. A repetition increases the count of the existing
// Event, and the number of requests is bounded, because an Event is a hint and must never be a burden.

import { backoffMs } from '../../base/backoff.ts';
import { errorText } from '../../base/errors.ts';
import type { ApiClient, ApiRequest } from './client/api-client.ts';
import { ApiError } from './client/api-error.ts';
import { pause } from './client/pause.ts';
import { shownText } from './client/shown.ts';
import { EventAllowance } from './event-allowance.ts';
import { isTransient, type WriteTimes, writeTimes } from './retried-write.ts';

export interface EventSubject {
  readonly apiVersion: 'v1';
  readonly kind: 'Node' | 'Pod';
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface EventText {
  /** One word for programs: `InvalidBandwidth`. */
  readonly reason: string;
  /** A sentence for users; at most 1,024 characters are kept. */
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<ApiClient, 'json'>;
  /** Name of this node. */
  readonly host: string;
  readonly signal: AbortSignal;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: () => number;
  readonly times?: WriteTimes;
}

interface Known {
  /** Name of the Event object. */
  readonly name: string;
  isCreated: boolean;
  count: number;
  /** When the API server was last updated, in ms of `now`. */
  toldAt: number;
}

interface Message {
  readonly subject: EventSubject;
  readonly text: EventText;
  readonly key: string;
  readonly known: Known;
}

/** Minimum interval between updates of one Event's count. */
const recountMs = 300_000;
const keptEvents = 200;
/** Maximum number of waiting messages about the node, and of those about pods. */
const longestQueue = 20;
const mostTries = 5;
/** How long a refusal is shown after it last occurred. */
const problemMs = 600_000;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #now: () => number;
  readonly #allowance: EventAllowance;
  /** In order of their last use. */
  readonly #known = new Map<string, Known>();
  readonly #queue: Message[] = [];
  #sending: Promise<void> | undefined;
  #problem: { readonly text: string; readonly at: number } | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#allowance = new EventAllowance(this.#now());
  }

  /** Why Events are not accepted. */
  get problems(): readonly string[] {
    const { text, at } = this.#problem ?? { text: '', at: -Infinity };
    return this.#now() - at < problemMs ? [`Events not written: ${text}`] : [];
  }

  /** Resolves when everything has been sent or abandoned. */
  async sent(): Promise<void> {
    await this.#sending;
  }

  /** Returns immediately. False: there is no room now, and the Event is dropped. */
  warn(subject: EventSubject, text: EventText): boolean {
    const { kind, namespace = '', name, uid = '' } = subject;
    const key = JSON.stringify([kind, namespace, name, uid, text.reason, text.message]);
    const now = this.#now();
    const before = this.#known.get(key);
    if (before !== undefined) before.count++;
    if (before !== undefined && before.toldAt > now - recountMs) return true;
    const waiting = this.#queue.filter((message) => message.subject.kind === kind).length;
    if (waiting >= longestQueue || !this.#allowance.take(subject, now)) return false;
    // Remembers only Events that are written: others must not displace them.
    const known = this.#remember(key, name);
    known.toldAt = now;
    this.#enqueue({ subject, text, key, known });
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
    return true;
  }

  // Those about the node overtake those about pods, except the one that is being sent.
  #enqueue(message: Message): void {
    const queue = this.#queue;
    const isNode = message.subject.kind === 'Node';
    const firstPod = queue.findIndex(({ subject }, index) => index > 0 && subject.kind === 'Pod');
    queue.splice(isNode && firstPod !== -1 ? firstPod : queue.length, 0, message);
  }

  // Sequential: a slow server does not receive more requests.
  async #send(): Promise<void> {
    const { signal } = this.#options;
    for (;;) {
      const message = this.#queue[0];
      if (message === undefined || signal.aborted) return;
      await this.#deliver(message);
      this.#queue.shift();
    }
  }

  async #deliver(message: Message): Promise<void> {
    const { client, signal, times = writeTimes } = this.#options;
    const { firstMs, refusedMs } = times;
    for (let attempt = 1; attempt <= mostTries && !signal.aborted; attempt++) {
      try {
        await client.json(this.#request(message));
        message.known.isCreated = true;
        this.#problem = undefined;
        return;
      } catch (error) {
        if (this.#isOver(message, error)) return;
        await pause(backoffMs(attempt, { firstMs, maxMs: refusedMs }), { signal });
      }
    }
    this.#known.delete(message.key);
  }

  // Whether sending the same again would be useless.
  #isOver({ key, known }: Message, error: unknown): boolean {
    const status = error instanceof ApiError ? error.status : undefined;
    // The answer was lost: the Event exists.
    if (status === 409 && !known.isCreated) known.isCreated = true;
    // Events expire after an hour. The next occurrence creates a new one.
    else if (status === 404) this.#known.delete(key);
    else if (this.#options.signal.aborted || isTransient(error))
      return this.#options.signal.aborted;
    // A namespace that is being deleted accepts no Events, which is not a problem.
    else if (!/being terminated/.test(String(error))) {
      const text = errorText(error);
      this.#problem = { text: shownText(text, 1_000), at: this.#now() };
    }
    return true;
  }

  #request({ subject, text, known }: Message): ApiRequest {
    const { signal } = this.#options;
    // The namespace in which `kubectl describe node` looks for a node's Events.
    const namespace = subject.namespace ?? 'default';
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    const time = new Date().toISOString();
    return known.isCreated
      ? {
          method: 'PATCH',
          path: `${path}/${encodeURIComponent(known.name)}`,
          verb: 'patch',
          resource: 'events',
          contentType: 'application/merge-patch+json',
          body: JSON.stringify({ count: known.count, lastTimestamp: time }),
          signal,
        }
      : {
          method: 'POST',
          path,
          verb: 'create',
          resource: 'events',
          contentType: 'application/json',
          body: JSON.stringify(this.#event({ subject, text, known, namespace, time })),
          signal,
        };
  }

  #event({
    subject,
    text,
    known: { name, count },
    namespace,
    time,
  }: Omit<Message, 'key'> & { readonly namespace: string; readonly time: string }): object {
    const { host } = this.#options;
    const uid = subject.kind === 'Node' ? subject.name : subject.uid;
    return {
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
    };
  }

  #remember(key: string, subject: string): Known {
    const known = this.#known.get(key) ?? {
      // Names have at most 253 characters.
      name: `${subject.slice(0, 220)}.${Date.now().toString(16)}${Math.trunc(Math.random() * 65_536).toString(16)}`,
      isCreated: false,
      count: 1,
      toldAt: -Infinity,
    };
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > keptEvents && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }
}
