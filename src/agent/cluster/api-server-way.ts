// Keeps the node's way to its API server free of our own routes. Before the first list nothing is written or removed,
// and an agent whose predecessor wrote a route that leads the API server's address elsewhere would never get that list.

import { lookup } from 'node:dns/promises';
import type { Logger } from '../../base/log.ts';
import { mainTable, routeProtocol } from '../../datapath/ids.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { delRoute, listRoutes } from '../../kernel/netlink/route.ts';
import { describeRoute, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type Address, isAddress, parseAddress, unmapped } from '../../net/address.ts';
import { prefixContains } from '../../net/prefix.ts';

export interface ApiServerWayOptions {
  /** URLs, of proxies too. Throws what reading the credentials throws. */
  servers(): Promise<readonly string[]>;
  /** Of a name; absent: the system's. */
  readonly resolve?: ((name: string) => Promise<readonly string[]>) | undefined;
  /** Of name servers: a name's address comes from them, and the node and its pods need them whatever we do. */
  nameServers(): readonly string[];
  readonly routes: OwnRoutes;
  /** Nothing has been read yet: what is in the way is removed instead of settled. */
  isWaiting(): boolean;
  /** Told in a sentence what was removed. */
  onRemoved(text: string): void;
  readonly log: Pick<Logger, 'debug' | 'warn'>;
}

/** The node's routes that carry our protocol number. */
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

  /** The same array while they are the same. */
  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /**
   * Looks where the API server is and, while nothing has been read, removes our routes to there. Resolves to whether its
   * addresses are others than before; never rejects. Calls that overlap share one look.
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
      log.debug({ error }, 'where the API server is, is not known');
      return false;
    }
  }

  #take(found: readonly Address[]): boolean {
    const next = [...new Set(found)].sort();
    if (next.join() === this.#addresses.join()) return false;
    this.#addresses = next;
    return true;
  }

  // A name that cannot be resolved now has the addresses it had.
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
      // The connection says what is wrong with it.
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
        `removed our route ${describeRoute(route)}, which kept this node from ${inside}, an address of its API server, the proxy to it or a name server`,
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

// Of `https://[::ffff:192.0.2.1]:6443` the IPv4 address is meant; `socks5://192.0.2.9` has a host as well.
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
