// Limits the number of Events. The node has its own allowance, and the pods of one namespace have a share of the
// allowance of all pods, so that errors of tenants hide neither the node's faults nor errors of other tenants.

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
const mostNamespaces = 256;

export class EventAllowance {
  readonly #node: Tokens;
  readonly #pods: Tokens;
  /** Namespaces that took one recently. */
  readonly #namespaces = new Map<string, Tokens>();

  /** `now`: monotonic time in ms. */
  constructor(now: number) {
    this.#node = new Tokens(rateOfNode, now);
    this.#pods = new Tokens(rateOfPods, now);
  }

  /** False: not allowed now. */
  take({ kind, namespace = '' }: Subject, now: number): boolean {
    if (kind === 'Node') return this.#node.take(now);
    const share = this.#namespaces.get(namespace) ?? new Tokens(rateOfNamespace, now);
    if (share.left(now) === 0 || !this.#pods.take(now)) return false;
    this.#namespaces.delete(namespace);
    this.#namespaces.set(namespace, share);
    const [oldest] = this.#namespaces.keys();
    if (this.#namespaces.size > mostNamespaces && oldest !== undefined) {
      this.#namespaces.delete(oldest);
    }
    return share.take(now);
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
