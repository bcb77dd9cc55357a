// Which Service has which health check port. The API server gives each its own port, but manifests in a directory may
// give one port to several Services. Pure.

import type { Port } from '../../net/port.ts';
import type { ServiceCheck, ServiceCheckChange } from './service-checks.ts';

export class PortClaims {
  readonly #checks = new Map<string, ServiceCheck>();
  /** By Service, in the order in which they came: the first has the port. */
  readonly #claims = new Map<Port, Map<string, ServiceCheck>>();

  /** Returns the ports whose claims have changed. */
  apply(changes: readonly ServiceCheckChange[]): ReadonlySet<Port> {
    const touched = new Set<Port>();
    for (const [key, check] of changes) {
      const before = this.#checks.get(key);
      if (before !== undefined && before.port !== check?.port)
        touched.add(this.#release(key, before));
      if (check === undefined) continue;
      this.#checks.set(key, check);
      const claims = this.#claims.get(check.port) ?? new Map<string, ServiceCheck>();
      this.#claims.set(check.port, claims.set(key, check));
      if (before?.port !== check.port) touched.add(check.port);
    }
    return touched;
  }

  /** The Service that has the port. */
  get(port: Port): ServiceCheck | undefined {
    return this.#claims.get(port)?.values().next().value;
  }

  /** Keys of the Services that claim the port; the first has it. */
  claimants(port: Port): readonly string[] {
    return Array.from(this.#claims.get(port)?.keys() ?? []);
  }

  #release(key: string, { port }: ServiceCheck): Port {
    this.#checks.delete(key);
    const claims = this.#claims.get(port);
    claims?.delete(key);
    if (claims?.size === 0) this.#claims.delete(port);
    return port;
  }
}
