// How many slots of the kernel's table each Service may use. Some are reserved for changes, because a changed list needs room
// beside the list that it replaces. So a Service that has backends can always change, whatever other Services ask for.

export interface SlotLimits {
  /** Entries of the kernel's table. */
  readonly slots: number;
  /** Maximum number of backends at one port of a Service. */
  readonly perPort: number;
}

/** `struct choice` has 16 bits for the length of a list. */
export const mostInList = 65_535;

/** Parts of the table: for backends, for those of one namespace, and for changes. */
const share = { all: 3 / 4, namespace: 1 / 4, changes: 1 / 4 } as const;

/** Why a Service cannot have more slots. `full`: all of those for backends are used. */
export interface SlotShortage {
  readonly kind: 'full' | 'namespace';
  /** Begins a sentence that the caller ends. */
  readonly text: string;
}

/**
 * A list that two Services share counts for both: each may need a list of its own at the next change. Lists that only
 * one Service has count once.
 */
export class SlotBudget {
  /** Of each list. One that is longer could not be replaced in a full table. */
  readonly perPort: number;
  readonly #slots: number;
  readonly #inAll: number;
  readonly #inNamespace: number;
  readonly #byService = new Map<string, number>();
  readonly #byNamespace = new Map<string, number>();
  #used = 0;
  #releases = 0;

  /** Absent: slots without end. */
  constructor({ slots, perPort }: SlotLimits = { slots: Infinity, perPort: mostInList }) {
    this.#slots = slots;
    this.#inAll = Math.floor(slots * share.all);
    this.#inNamespace = Math.floor(slots * share.namespace);
    this.perPort = Math.min(perPort, mostInList, Math.max(1, Math.floor(slots * share.changes)));
  }

  /** How often a Service has given slots back. */
  get releases(): number {
    return this.#releases;
  }

  /** Why the Service cannot have `more` slots than it has; undefined: it can. */
  shortage(service: string, more: number): SlotShortage | undefined {
    const slots = `services.slotEntries ${this.#slots}`;
    if (this.#used + more > this.#inAll)
      return { kind: 'full', text: `${slots}: all ${this.#inAll} slots for backends are used` };
    const namespace = namespaceOf(service);
    if ((this.#byNamespace.get(namespace) ?? 0) + more <= this.#inNamespace) return undefined;
    const text = `${slots}: namespace ${namespace} uses its share of ${this.#inNamespace} slots`;
    return { kind: 'namespace', text };
  }

  /** The Service has `more` slots than before, or fewer. */
  add(service: string, more: number): void {
    this.#used += more;
    addTo(this.#byService, service, more);
    addTo(this.#byNamespace, namespaceOf(service), more);
  }

  /** The Service has `slots` slots. */
  set(service: string, slots: number): void {
    const more = slots - (this.#byService.get(service) ?? 0);
    if (more < 0) this.#releases++;
    this.add(service, more);
  }
}

function addTo(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function namespaceOf(service: string): string {
  return service.slice(0, service.indexOf('/'));
}
