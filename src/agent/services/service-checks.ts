// The Services that have a health check port, out of all Services.

import { Bookmark, type Entries } from '../../base/collections/collection.ts';
import type { NamespacedName } from '../../base/namespaced-name.ts';
import type { CompiledService, HealthCheck } from '../../model/services/compiled.ts';

export interface ServiceCheck extends NamespacedName, HealthCheck {}

/** Undefined: the Service has no health check port any more. `key`: `namespace/name`. */
export type ServiceCheckChange = readonly [key: string, check: ServiceCheck | undefined];

export class ServiceChecks {
  readonly #bookmark = new Bookmark<string, CompiledService>();
  readonly #present = new Map<string, ServiceCheck>();

  /** Changes since the last call. Costs what has changed, however many Services there are. */
  read(compiled: Entries<string, CompiledService>): readonly ServiceCheckChange[] {
    return this.#bookmark.read(
      compiled,
      () => this.#present.keys(),
      (changes) =>
        changes.flatMap((change) => {
          const check = change.kind === 'deleted' ? undefined : checkOf(change.value);
          return this.#replace(change.key, check) ? [[change.key, check] as const] : [];
        }),
    );
  }

  /** What was read, as changes for a reader that knows nothing. */
  get all(): readonly ServiceCheckChange[] {
    return [...this.#present];
  }

  #replace(key: string, check: ServiceCheck | undefined): boolean {
    const before = this.#present.get(key);
    if (check === undefined) return this.#present.delete(key);
    this.#present.set(key, check);
    return check.port !== before?.port || check.localEndpoints !== before.localEndpoints;
  }
}

function checkOf({ service, healthCheck }: CompiledService): ServiceCheck | undefined {
  if (healthCheck === undefined) return undefined;
  const { namespace, name } = service;
  return { namespace, name, ...healthCheck };
}
