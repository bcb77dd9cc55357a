// What Kubernetes' rules ask for when a client sends to an address and port.

import type { ClusterService } from '../../cluster/objects.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { prefixContains } from '../../net/prefix.ts';
import { type Claim, clusterAddressOwner } from './claims.ts';
import type { CompiledPort, CompiledService } from './compiled.ts';
import { type Destination, destinationKey, type Frontend, nodePortKey } from './frontend.ts';
import type { BackendSelection } from './selection.ts';
import type { ServiceTables } from './services.ts';
import type { TakenAddress } from './taken-addresses.ts';

export interface Client {
  /** A pod of this node, a process of this node, or anything else whose packets arrive here. */
  readonly kind: 'pod' | 'node' | 'outside';
  /** Source of its packets. */
  readonly address: Address;
}

/** What the rules depend on besides the Services. */
export interface ServiceContext {
  /** Addresses of this node at which node ports answer. */
  readonly nodePortAddresses: readonly Address[];
  readonly taken: TakenAddress;
}

/** A frontend with the Service that has it. */
export interface Found {
  readonly name: string;
  readonly frontend: Frontend;
  readonly compiled: CompiledService;
  readonly port: CompiledPort;
}

export type Resolution =
  /** No Service has the destination. With `problem`, one claims it and does not get it. */
  | { readonly kind: 'no-service'; readonly problem?: string | undefined }
  /** A cluster address at another port. `service` has the address. */
  | { readonly kind: 'no-port'; readonly service: string }
  /** The client is not in the Service's source ranges: dropped. */
  | { readonly kind: 'excluded'; readonly found: Found }
  | {
      readonly kind: 'service';
      readonly found: Found;
      readonly policy: PolicyInForce;
      readonly selection: BackendSelection;
    };

export type PolicyInForce =
  | 'cluster'
  | 'local'
  /** Policy Local for external traffic, but the client is on this node: it gets every backend. */
  | 'short-circuit';

export function resolve(
  tables: ServiceTables,
  context: ServiceContext,
  { client, to }: { readonly client: Client; readonly to: Destination },
): Resolution {
  const claims = claimsAt(tables, context, to);
  const claim = claims.find((each) => claimFlaw(tables, context.taken, each) === undefined);
  const found = claim && foundBy(tables, claim);
  if (found === undefined) return unclaimed(tables, context, { to, claims });
  if (!isAdmitted(found, client)) return { kind: 'excluded', found };
  const policy = policyFor(found, client);
  const { inCluster, local } = found.port;
  return { kind: 'service', found, policy, selection: policy === 'local' ? local : inCluster };
}

// Every port of a cluster address belongs to its Service.
function unclaimed(
  tables: ServiceTables,
  { taken }: ServiceContext,
  { to, claims }: { readonly to: Destination; readonly claims: readonly Claim[] },
): Resolution {
  const service = clusterAddressOwner(tables.owners, to.address);
  if (service !== undefined && taken(to.address, 'cluster') === undefined)
    return { kind: 'no-port', service };
  const [claim] = claims;
  if (claim === undefined) return { kind: 'no-service' };
  const problem = `Service ${claim.service}: ${to.address} ${claimFlaw(tables, taken, claim)}`;
  return { kind: 'no-service', problem };
}

/** Why the claim's Service does not get the frontend; undefined: it does. */
export function claimFlaw(
  { owners }: Pick<ServiceTables, 'owners'>,
  taken: TakenAddress,
  { key, service, frontend }: Claim,
): string | undefined {
  if (frontend === undefined) return undefined;
  const owner = owners.get(key)?.service;
  if (owner !== undefined && owner !== service) return `belongs to Service ${owner}`;
  const { address, kind } = frontend;
  if (address === undefined) return undefined;
  const flaw = taken(address, kind);
  if (flaw !== undefined) return flaw;
  const holder = clusterAddressOwner(owners, address);
  const isForeign = holder !== undefined && holder !== service;
  return isForeign ? `is the cluster address of Service ${holder}` : undefined;
}

// A node port is looked up last, but a claim for the node's own address must not hide it.
function claimsAt(
  { owners }: ServiceTables,
  { nodePortAddresses }: ServiceContext,
  to: Destination,
): readonly Claim[] {
  const own = owners.get(destinationKey(to));
  const { address, port, protocol } = to;
  const isNode = nodePortAddresses.includes(address);
  const atNode = isNode
    ? owners.get(nodePortKey(addressFamily(address), port, protocol))
    : undefined;
  return [own, atNode].flatMap((claim) => claim ?? []);
}

function foundBy({ compiled }: ServiceTables, { service, frontend }: Claim): Found | undefined {
  const of = compiled.get(service);
  if (of === undefined || frontend === undefined) return undefined;
  const { family, portIndex } = frontend;
  const port = of.ports.find((each) => each.family === family && each.index === portIndex);
  return port && { name: service, frontend, compiled: of, port };
}

// Source ranges protect the load balancer's addresses only, from every client.
function isAdmitted({ frontend, compiled: { service } }: Found, { address }: Client): boolean {
  if (frontend.kind !== 'load-balancer' || service.sourceRanges === undefined) return true;
  return service.sourceRanges.some((range) => prefixContains(range, address));
}

function policyFor({ frontend, compiled: { service } }: Found, { kind }: Client): PolicyInForce {
  if (policyOf(service, frontend) !== 'Local') return 'cluster';
  return frontend.kind === 'cluster' || kind === 'outside' ? 'local' : 'short-circuit';
}

function policyOf(service: ClusterService, { kind }: Frontend) {
  return kind === 'cluster' ? service.internalPolicy : service.externalPolicy;
}
