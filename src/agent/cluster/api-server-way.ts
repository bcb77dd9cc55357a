// Keeps heddle's own routes from covering the API server. Before the first list nothing is written or removed; if the
// previous agent wrote a route that diverts the API server's address, the agent would never get that list.

import { lookup } from 'node:dns/promises';
import type { Logger } from '../../base/log.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { delRoute, listRoutes } from '../../kernel/netlink/route.ts';
import { describeRoute, mainTable, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { routeProtocol } from '../../model/ids.ts';
import { type Address, isAddress, parseAddress, unmapped } from '../../net/address.ts';
import { prefixContains } from '../../net/prefix.ts';

export interface ApiServerWayOptions {
  /** URLs, including those of proxies. Throws the errors of reading the credentials. */
  servers(): Promise<readonly string[]>;
  /** Resolves a name; default: the system's resolver. */
  readonly resolve?: ((name: string) => Promise<readonly string[]>) | undefined;
  /**
   * Addresses of name servers: resolving the API server's name depends on them, and the node and its pods need them in
   * any case.
   */
  nameServers(): readonly string[];
  readonly routes: OwnRoutes;
  /** Nothing has been read yet: routes in the way are removed instead of settled. */
  isWaiting(): boolean;
  /** Called with a sentence about what was removed. */
  onRemoved(text: string): void;
  readonly log: Pick<Logger, 'debug' | 'warn'>;
}

/** Routes of the node with heddle's protocol number. */
export interface OwnRoutes {
  list(): readonly RouteRecord[];
  delete(route: RouteRecord): void;
}

const resolveTimeoutMs = 5_000;

export class ApiServerWay {
  readonly #options: ApiServerWayOptions;
  #addresses: readonly Address[] = [];
  readonly #byName = new Map<string, readonly Address[]>();
  #looking: Promise<boolean> | undefined;

  constructor(options: ApiServerWayOptions) {
    this.#options = options;
  }

  /** The same array while the addresses do not change. */
  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /**
   * Looks up the API server's addresses and, before anything has been read, removes heddle's routes that cover them.
   * Resolves to whether the addresses changed; never rejects. Concurrent calls share one lookup.
   */
  look(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    const { log } = this.#options;
    try {
      const hosts = (await this.#options.servers()).map(hostOf);
      const names = hosts.filter((host) => !isAddress(host));
      const literal = hosts.flatMap(addressIn);
      const nameServers = this.#options.nameServers().flatMap(addressIn);
      this.#free([...literal, ...nameServers]);
      const resolved = (await Promise.all(names.map((name) => this.#addressesOf(name)))).flat();
      this.#free(resolved);
      return this.#take([...literal, ...nameServers, ...resolved]);
    } catch (error) {
      log.debug({ error }, 'the address of the API server is not known');
      return false;
    }
  }

  #take(found: readonly Address[]): boolean {
    const next = [...new Set(found)].sort();
    if (next.join() === this.#addresses.join()) return false;
    this.#addresses = next;
    return true;
  }

  // A name that cannot be resolved now keeps its previous addresses.
  async #addressesOf(name: string): Promise<readonly Address[]> {
    const { resolve = systemLookup } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly string[]>((done) => {
      timer = setTimeout(() => done([]), resolveTimeoutMs);
    });
    try {
      const found = (await Promise.race([resolve(name), late])).flatMap(addressIn);
      if (found.length > 0) this.#byName.set(name, found);
    } catch {
      // The connection to the API server reports the problem.
    } finally {
      clearTimeout(timer);
    }
    return this.#byName.get(name) ?? [];
  }

  #free(addresses: readonly Address[]): void {
    const { isWaiting, routes, onRemoved } = this.#options;
    if (addresses.length === 0 || !isWaiting()) return;
    for (const route of routes.list()) {
      const inside = addresses.find((address) => prefixContains(route.destination, address));
      if (inside === undefined) continue;
      routes.delete(route);
      onRemoved(
        `removed heddle's route ${describeRoute(route)}: it kept this node from ${inside}, an address of its API server, the proxy to it or a name server`,
      );
    }
  }
}

export function ownRoutes(socket: NetlinkSocket): OwnRoutes {
  return {
    list: () => listRoutes(socket, { protocol: routeProtocol, table: mainTable }),
    delete: (route) => {
      try {
        delRoute(socket, route);
      } catch (error) {
        if (!isKernelError(error, 'ESRCH')) throw error;
      }
    },
  };
}

// `https://[::ffff:192.0.2.1]:6443` means the IPv4 address; `socks5://192.0.2.9` has a host, too.
function hostOf(server: string): string {
  return new URL(server).hostname.replace(/^\[|\]$/g, '');
}

// `dns.getServers()` gives `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`, `fe80::1%eth0`.
function addressIn(text: string): readonly Address[] {
  const bare = /^\[(.*)\]/.exec(text)?.[1] ?? text.replace(/^([\d.]+):\d+$/, '$1');
  return isAddress(bare) ? [unmapped(parseAddress(bare))] : [];
}

async function systemLookup(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
