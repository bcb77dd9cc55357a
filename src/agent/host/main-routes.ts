// Lists the main table's routes within bounds: a routing daemon may have hundreds of thousands there, and listing blocks
// the thread that serves pods. All of a usual table; of a larger one the first, and those that the agent depends on.

import { memoize } from '../../base/memoize.ts';
import { partialListing } from '../../kernel/netlink/partial-listing.ts';
import { isOfProtocol, listRoutes, matchedRoute } from '../../kernel/netlink/route.ts';
import { mainTable, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { routeProtocol } from '../../model/ids.ts';
import { type AddressFamily, parseAddress } from '../../net/address.ts';

/** Maximum per family that is listed in any case, without heddle's own. */
export const mostRoutes = 10_000;

export interface MainRoutes {
  /** Without heddle's. */
  readonly routes: readonly RouteRecord[];
  /** Families of which there are more routes. */
  readonly unreadRoutes: readonly AddressFamily[];
}

type RouteSocket = Pick<NetlinkSocket, 'dumpSome' | 'get'>;

/** For repeated calls: the same arrays while nothing has changed. They throw KernelError. `now`: monotonic time in ms. */
export function mainRoutesLister(
  socket: RouteSocket,
  now: () => number = () => performance.now(),
): () => MainRoutes {
  const [four, six] = [familyLister(socket, 4, now), familyLister(socket, 6, now)];
  return () => {
    const [routes4, routes6] = [four(), six()];
    const unread = unreadFamilies[`${routes4.isWhole}-${routes6.isWhole}`];
    return { routes: joined(routes4.result)(routes6.result), unreadRoutes: unread };
  };
}

const unreadFamilies = {
  'true-true': [],
  'false-true': [4],
  'true-false': [6],
  'false-false': [4, 6],
} as const;

const joined = memoize((left: readonly RouteRecord[]) =>
  memoize((right: readonly RouteRecord[]): readonly RouteRecord[] => [...left, ...right]),
);

interface FamilyRoutes {
  readonly result: readonly RouteRecord[];
  readonly isWhole: boolean;
}

// RTPROT_REDIRECT, KERNEL, BOOT, STATIC, RA and DHCP: the kernel's and an administrator's. The kernel filters by one
// protocol at a time, passing over all routes of others, so these rest.
const ordinaryProtocols = [1, 2, 3, 4, 9, 16];
const restMs = 60_000;

function familyLister(
  socket: RouteSocket,
  family: AddressFamily,
  now: () => number,
): () => FamilyRoutes {
  const part = {
    most: mostRoutes,
    omits: (payload: Buffer): boolean => isOfProtocol(payload, routeProtocol),
  };
  const table = { family, table: mainTable };
  const first = partialListing(socket, part, (dumps) => listRoutes(dumps, table));
  const ordinary = partialListing(socket, part, (dumps) =>
    ordinaryProtocols.flatMap((protocol) => listRoutes(dumps, { ...table, protocol })),
  );
  const defaultRoute = lastDefault(socket, family);
  let last: { readonly routes: readonly RouteRecord[]; readonly until: number } | undefined;
  return () => {
    const some = first();
    if (some.isWhole) {
      last = undefined;
      return some;
    }
    if (last === undefined || now() >= last.until) {
      last = { routes: ordinary().result, until: now() + restMs };
    }
    const result = completed(some.result)(last.routes);
    return { result: withDefault(result)(defaultRoute()), isWhole: false };
  };
}

const completed = memoize((first: readonly RouteRecord[]) =>
  memoize((ordinary: readonly RouteRecord[]): readonly RouteRecord[] => [
    ...first.filter(({ protocol }) => !ordinaryProtocols.includes(protocol)),
    ...ordinary,
  ]),
);

/**
 * IPv4 tables are listed from their default route, IPv6 tables to theirs. The same object while it does not change.
 */
function lastDefault(socket: RouteSocket, family: AddressFamily): () => Found {
  let last: Found = {};
  return () => {
    const route = family === 4 ? undefined : matchedRoute(socket, parseAddress('::'));
    if (JSON.stringify(route) !== JSON.stringify(last.route)) last = { route };
    return last;
  };
}

interface Found {
  readonly route?: RouteRecord | undefined;
}

const withDefault = memoize((routes: readonly RouteRecord[]) =>
  memoize(({ route }: Found): readonly RouteRecord[] => {
    const isNew =
      route?.table === mainTable &&
      route.destination.endsWith('/0') &&
      !routes.some(({ destination }) => destination === route.destination);
    return isNew ? [...routes, route] : routes;
  }),
);
