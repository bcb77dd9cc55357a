// Limits the number of Events. The node has its own allowance, and the pods of one namespace have a share of the
// allowance of all pods, so that errors of tenants hide neither the node's faults nor errors of other tenants. A few
// namespaces may use up the allowance of all: the first Event of a namespace in a long time then comes out of a reserve.

interface Subject {
  readonly kind: 'Node' | 'Pod';
  readonly namespace?: string | undefined;
}

interface Rate {
  readonly burst: number;
  /** Interval after which one more is allowed. */
  readonly refillMs: number;
}

const rateOfNode: Rate = { burst: 20, refillMs: 10_000 };
const rateOfPods: Rate = { burst: 20, refillMs: 10_000 };
const rateOfNamespace: Rate = { burst: 5, refillMs: 30_000 };
const rateOfReserve: Rate = { burst: 20, refillMs: 10_000 };
/** After this time without an Event a namespace may use the reserve: 180 namespaces use it up. */
const quietMs = 1_800_000;
const mostNamespaces = 256;

interface Share {
  readonly tokens: Tokens;
  /** When it last took one. */
  takenAt: number;
}

export class EventAllowance {
  readonly #node: Tokens;
  readonly #pods: Tokens;
  readonly #reserve: Tokens;
  /** Namespaces that took one recently. */
  readonly #namespaces = new Map<string, Share>();

  /** `now`: monotonic time in ms. */
  constructor(now: number) {
    this.#node = new Tokens(rateOfNode, now);
    this.#pods = new Tokens(rateOfPods, now);
    this.#reserve = new Tokens(rateOfReserve, now);
  }

  /** False: not allowed now. */
  take({ kind, namespace = '' }: Subject, now: number): boolean {
    if (kind === 'Node') return this.#node.take(now);
    const share = this.#namespaces.get(namespace) ?? {
      tokens: new Tokens(rateOfNamespace, now),
      takenAt: Number.NEGATIVE_INFINITY,
    };
    const isQuiet = now - share.takenAt >= quietMs;
    if (share.tokens.left(now) === 0) return false;
    if (!this.#pods.take(now) && !(isQuiet && this.#reserve.take(now))) return false;
    share.takenAt = now;
    this.#namespaces.delete(namespace);
    this.#namespaces.set(namespace, share);
    const [oldest] = this.#namespaces.keys();
    if (this.#namespaces.size > mostNamespaces && oldest !== undefined) {
      this.#namespaces.delete(oldest);
    }
    return share.tokens.take(now);
  }
}

class Tokens {
  readonly #rate: Rate;
  #left: number;
  #refilledAt: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#refilledAt = now;
  }

  left(now: number): number {
    const { burst, refillMs } = this.#rate;
    const earned = Math.floor((now - this.#refilledAt) / refillMs);
    this.#left = Math.min(burst, this.#left + earned);
    this.#refilledAt += earned * refillMs;
    return this.#left;
  }

  take(now: number): boolean {
    if (this.left(now) === 0) return false;
    this.#left--;
    return true;
  }
}
