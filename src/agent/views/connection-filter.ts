// Which connections to Services a question asks for, and how many. Pure.

import type { ServiceConnection, ServiceConnections } from '../../api/service-connections.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { FrontendNames } from '../services/frontend-names.ts';

export interface ConnectionFilter {
  /** `shop/web`, or `web` in any namespace. */
  readonly service?: string | undefined;
  /** `shop/web-1`, as client or as backend. */
  readonly pod?: string | undefined;
}

export function isAskedService(
  { service: wanted }: ConnectionFilter,
  { service }: FrontendNames,
): boolean {
  if (wanted === undefined) return true;
  return service === wanted || service?.endsWith(`/${wanted}`) === true;
}

export function isAskedPod(
  { pod: wanted }: ConnectionFilter,
  { client, backend }: Pick<ServiceConnection, 'client' | 'backend'>,
): boolean {
  if (wanted === undefined) return true;
  return [client.pod, backend.pod].some(
    (pod) => pod !== undefined && namespacedName(pod) === wanted,
  );
}

/** Connections of one way, piece by piece. The result says whether some are missing. */
export type ConnectionPieces = AsyncGenerator<
  readonly ServiceConnection[],
  ServiceConnections['cut'] | undefined
>;

export interface LookLimits {
  /** Of each way. */
  readonly limit: number;
  isLate(): boolean;
}

/** Counts the connections of one way, and keeps those that its limits leave. */
export class LimitedConnections {
  readonly #limits: LookLimits;
  #left: number;
  #cut: ServiceConnections['cut'];

  constructor(limits: LookLimits) {
    this.#limits = limits;
    this.#left = limits.limit;
  }

  /** Defined: no more are wanted. */
  get cut(): ServiceConnections['cut'] | undefined {
    return this.#cut;
  }

  take(found: readonly ServiceConnection[]): readonly ServiceConnection[] {
    const taken = found.slice(0, this.#left);
    this.#left -= taken.length;
    if (taken.length < found.length) this.#cut = 'limit';
    else if (this.#limits.isLate()) this.#cut = 'time';
    return taken;
  }
}
