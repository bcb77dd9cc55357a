// Keeps the kernel's tables of Services as the cluster's objects ask for. Changes of Services and slices do not concern the
// pod network, so these tables have a reconciler of their own, and a change costs what it changes.

import { Bookmark, type Entries } from '../../base/collections/collection.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { moment } from '../../base/moment.ts';
import type { ServiceRules, TranslatedServices } from '../../datapath/nft/services.ts';
import type { CompiledService } from '../../model/services/compiled.ts';
import type {
  DesiredServices,
  ServiceBackend,
} from '../../model/services/plan/desired-services.ts';
import type { ServicePlan } from '../../model/services/plan/plan.ts';
import type { Reconciler } from '../../reconcile/reconciler.ts';
import type { TableStatus } from '../../reconcile/status.ts';
import type { SeenServices } from './seen.ts';
import type { ServiceHealthPorts } from './service-health-ports.ts';
import type { ServiceSyncs } from './service-syncs.ts';

/** What the tables of Services are made from. */
export interface ServiceState extends DesiredServices, Pick<TranslatedServices, 'rules'> {}

export interface ServiceProxyOptions {
  readonly plan: ServicePlan;
  readonly reconciler: Reconciler<ServiceState>;
  see(): SeenServices;
  rules(): ServiceRules;
  /** Undefined: nothing may be written yet. Otherwise whether what nobody wants may be removed. */
  completeness(): 'partial' | 'complete' | undefined;
  /** After a settle that changed backends of a UDP port. */
  onDatagramsChanged(): void;
  /** For load balancers that ask about this node. */
  readonly health: Pick<ServiceHealthPorts, 'queued' | 'updated' | 'follow'>;
  /** For metrics. */
  readonly syncs: Pick<ServiceSyncs, 'queued' | 'settled'>;
  readonly periodMs: number;
  readonly log: Pick<Logger, 'error'>;
}

// A listing of a hundred thousand entries takes a second: listings take at most a hundredth of the time.
const restPerListing = 100;
const shownAtMost = 20;

export class ServiceProxy implements Disposable {
  readonly #options: ServiceProxyOptions;
  readonly #compiled = new Bookmark<string, CompiledService>();
  readonly #withDatagrams = new Set<string>();
  #listen: () => void = () => undefined;
  #isAsked = false;
  #isListingDue = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listAfterMs = 0;
  #isStopped = false;
  #hasSettled = false;
  #problem: string | undefined;
  #backends: DesiredServices['backends'] | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#schedule(options.periodMs);
  }

  /** Everything that was asked for has been written once. */
  get hasSettled(): boolean {
    return this.#hasSettled;
  }

  /** Of all Services: they are not written, or a table is full. Absent: none. */
  get problem(): string | undefined {
    const failure = this.tables.flatMap(({ failures }) => failures)[0];
    return this.#problem ?? failure?.text ?? this.#options.plan.fullProblem;
  }

  /** What cannot be written or done, one sentence each; failed entries are in `tables`. */
  get problems(): readonly string[] {
    const { plan } = this.#options;
    const shown = [...plan.problems].slice(0, shownAtMost);
    const ofServices = shown.flatMap(([name, texts]) =>
      texts.map((text) => `Service ${name}: ${text}`),
    );
    return this.#problem === undefined ? ofServices : [this.#problem, ...ofServices];
  }

  /** The backend with this number, as last written. */
  backend(number: number): ServiceBackend | undefined {
    return this.#backends?.get(String(number));
  }

  get tables(): readonly TableStatus[] {
    return this.#options.reconciler.status();
  }

  /** Called after each settle. */
  onSettled(listen: () => void): void {
    this.#listen = listen;
  }

  /** Something may have changed. */
  request(): void {
    if (this.#isStopped) return;
    this.#isAsked = true;
    this.#options.health.queued();
    this.#options.syncs.queued();
    this.#running ??= this.#run();
  }

  /** Another process may have changed the tables. */
  relist(): void {
    this.#isListingDue = true;
    this.request();
  }

  /** Resolves when the running settle has ended. No other begins after it. */
  async stop(): Promise<void> {
    this[Symbol.dispose]();
    await this.#running;
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    // What has arrived together is settled together.
    await Promise.resolve();
    while (this.#isAsked && !this.#isStopped) {
      this.#isAsked = false;
      await this.#settle();
    }
    this.#running = undefined;
  }

  async #settle(): Promise<void> {
    const { completeness, health, log } = this.#options;
    const known = completeness();
    if (known === undefined) return;
    const began = moment();
    try {
      const retryMs = await this.#write(known === 'complete');
      this.#problem = undefined;
      if (retryMs === undefined) {
        this.#hasSettled = true;
        health.updated(began);
      }
      this.#schedule(Math.min(retryMs ?? Number.POSITIVE_INFINITY, this.#options.periodMs));
    } catch (error) {
      const text = `Services cannot be written: ${errorText(error)}; the earlier state stays in force`;
      if (text !== this.#problem) log.error({ error }, text);
      this.#problem = text;
      this.#schedule(this.#options.periodMs);
    }
    try {
      this.#listen();
    } catch (error) {
      log.error({ error }, 'after a settle of Services');
    }
  }

  /** Returns in how many ms to try again what failed. */
  async #write(prune: boolean): Promise<number | undefined> {
    const { see, plan, reconciler, rules, health, syncs, onDatagramsChanged } = this.#options;
    const beganAll = performance.now();
    const { tables, context } = see();
    const desired: ServiceState = { ...plan.follow(tables, context), rules: rules() };
    this.#backends = desired.backends;
    const relist = this.#isListingDue;
    this.#isListingDue = false;
    const began = performance.now();
    const { retryAt } = await reconciler.settle(desired, { relist, prune });
    const now = performance.now();
    if (relist) this.#listAfterMs = now + restPerListing * (now - began);
    if (this.#haveDatagramsChanged(tables.compiled)) onDatagramsChanged();
    health.follow(tables.compiled);
    syncs.settled(tables, (performance.now() - beganAll) / 1000, retryAt === undefined);
    return retryAt === undefined ? undefined : Math.max(0, retryAt - now);
  }

  // A Service that is gone may have had such a port.
  #haveDatagramsChanged(compiled: Entries<string, CompiledService>): boolean {
    const known = this.#withDatagrams;
    return this.#compiled.read(
      compiled,
      () => known,
      (changes) => {
        let isChanged = false;
        for (const change of changes) {
          const had = known.delete(change.key);
          const has = change.kind !== 'deleted' && hasDatagrams(change.value);
          if (has) known.add(change.key);
          isChanged ||= had || has;
        }
        return isChanged;
      },
    );
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      if (performance.now() >= this.#listAfterMs) this.#isListingDue = true;
      this.request();
    }, delayMs);
  }
}

function hasDatagrams({ service }: CompiledService): boolean {
  return service.ports.some(({ protocol }) => protocol === 'UDP');
}
