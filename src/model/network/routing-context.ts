// Inputs of the path to every other node: mode, uplinks and this node's own addresses. Memoized on (host facts, own
// node), so that the paths, which are memoized on it, survive changes of other nodes.

import { memoize } from '../../base/memoize.ts';
import { type Address, type AddressFamily, compareAddresses } from '../../net/address.ts';
import type { RoutingMode } from '../desired.ts';
import type { HostFacts } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';
import {
  type ConnectedNetwork,
  connectedNetworks,
  ownUnderlay,
  uplinkAddresses,
} from './underlay.ts';

export interface RoutingContext {
  readonly mode: RoutingMode;
  /** The family over which tunnels run. */
  readonly underlay: AddressFamily;
  readonly networks: readonly ConnectedNetwork[];
  /** From the Node object, in its order. */
  readonly nodeAddresses: readonly Address[];
  /** From the Node object and the uplinks, without link-local ones; sorted. */
  readonly ownAddresses: readonly Address[];
}

const byMode: Record<
  RoutingMode,
  (host: HostFacts) => (own: NetworkNode | undefined) => RoutingContext
> = { native: memoizedContext('native'), vxlan: memoizedContext('vxlan') };

export function routingContext(
  mode: RoutingMode,
  host: HostFacts,
  own: NetworkNode | undefined,
): RoutingContext {
  return byMode[mode](host)(own);
}

function memoizedContext(
  mode: RoutingMode,
): (host: HostFacts) => (own: NetworkNode | undefined) => RoutingContext {
  return memoize((host: HostFacts) => {
    const withNode = memoize((own: NetworkNode) => compute(mode, host, own.addresses));
    const withoutNode = compute(mode, host, []);
    return (own) => (own === undefined ? withoutNode : withNode(own));
  });
}

function compute(
  mode: RoutingMode,
  host: HostFacts,
  nodeAddresses: readonly Address[],
): RoutingContext {
  return {
    mode,
    underlay: ownUnderlay(host, nodeAddresses),
    networks: connectedNetworks(host),
    nodeAddresses,
    ownAddresses: [...new Set([...nodeAddresses, ...uplinkAddresses(host)])].sort(compareAddresses),
  };
}
