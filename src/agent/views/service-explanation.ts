// Why a client of this node gets which backend of a Service.

import type { ServiceExplanation } from '../../api/services.ts';
import { InputError } from '../../base/input-error.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { TransportProtocol } from '../../cluster/objects.ts';
import type { Destination } from '../../model/services/frontend.ts';
import {
  type Client,
  type PolicyInForce,
  type Resolution,
  resolve,
} from '../../model/services/resolve.ts';
import { type Address, addressFamily, addressOf, parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import type { AgentParts } from '../parts.ts';
import type { ServiceQuery } from '../server/services.ts';
import { backendViews, frontendView, outcomeText, translatorOf } from './services.ts';

/** Throws InputError for a client or destination that cannot be read or is not on this node. */
export function explainService(
  parts: AgentParts,
  { from, to: text }: ServiceQuery,
): ServiceExplanation {
  const to = destinationOf(text);
  const client = clientOf(parts, from, to.address);
  const { tables, context } = parts.seeServices();
  const resolution = resolve(tables, context, { client, to });
  return { translatedBy: translatorOf(parts), from: client, to, ...explained(resolution) };
}

type Explained = Omit<ServiceExplanation, 'translatedBy' | 'from' | 'to'>;

function explained(resolution: Resolution): Explained {
  switch (resolution.kind) {
    case 'no-service': {
      const { problem } = resolution;
      const reasons = ['no Service has this address and port on this node'];
      return {
        outcome: 'no service',
        reasons: problem === undefined ? reasons : [...reasons, problem],
        backends: [],
      };
    }
    case 'no-port': {
      const { service } = resolution;
      const reasons = [`it is a cluster address of Service ${service}, which has no such port`];
      return { outcome: 'refused', reasons, service, backends: [] };
    }
    case 'excluded': {
      const { name: service, frontend, port } = resolution.found;
      const reasons = ['the client is in none of the source ranges of the Service'];
      const backends = backendViews(port, { kind: 'drop' });
      return {
        ...{ outcome: 'dropped', reasons, service, frontend: frontendView(frontend) },
        backends: backends.map((backend) => ({ ...backend, unused: 'the client is excluded' })),
      };
    }
    case 'service':
      return explainedService(resolution);
  }
}

function explainedService(resolution: Extract<Resolution, { kind: 'service' }>): Explained {
  const { found, policy, selection } = resolution;
  const { affinitySeconds } = found.compiled.service;
  const outcomes = { backends: 'backends', refuse: 'refused', drop: 'dropped' } as const;
  const affinity = `a client that came within ${affinitySeconds} s gets its last backend (session affinity)`;
  return {
    outcome: outcomes[selection.kind],
    reasons: [
      policyText(policy),
      outcomeText(selection),
      ...(affinitySeconds === undefined ? [] : [affinity]),
    ],
    service: found.name,
    frontend: frontendView(found.frontend),
    backends: backendViews(found.port, selection),
  };
}

function policyText(policy: PolicyInForce): string {
  switch (policy) {
    case 'cluster':
      return 'traffic policy Cluster';
    case 'local':
      return 'traffic policy Local';
    case 'short-circuit':
      return 'external traffic policy Local does not apply to clients on this node';
  }
}

function destinationOf(text: string): Destination {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)(?:\/(\w+))?$/.exec(text);
  const address = addressOf(match?.[1] ?? match?.[2] ?? '');
  const protocol = protocols[(match?.[4] ?? 'tcp').toLowerCase()];
  if (address === undefined || protocol === undefined) {
    const rule = 'is not ADDRESS:PORT, [IPV6]:PORT or one of them with /udp or /sctp';
    throw new InputError({ object: 'destination', value: text, rule });
  }
  return { address, port: parsePort(match?.[3], 'destination', 'port'), protocol };
}

const protocols: Readonly<Record<string, TransportProtocol>> = {
  tcp: 'TCP',
  udp: 'UDP',
  sctp: 'SCTP',
};

function clientOf(parts: AgentParts, from: string, to: Address): Client {
  const family = addressFamily(to);
  const ofFamily = (addresses: readonly Address[]): Address => {
    const found = addresses.find((address) => addressFamily(address) === family);
    if (found !== undefined) return found;
    const rule = `has no IPv${family} address, and the destination has one`;
    throw new InputError({ object: 'client', value: from, rule });
  };
  const nodeAddresses = parts.network.desired.nodes.get(parts.config.node)?.addresses ?? [];
  if (from === 'node') return { kind: 'node', address: ofFamily(nodeAddresses) };
  if (addressOf(from) !== undefined)
    return { kind: 'outside', address: ofFamily([parseAddress(from)]) };
  const endpoint = parts.pods
    .endpoints()
    .find(({ pod }) => pod !== undefined && namespacedName(pod) === from);
  if (endpoint !== undefined) return { kind: 'pod', address: ofFamily(endpoint.addresses) };
  const known = parts.network.snapshot.state.pods.get(from);
  if (known?.hostNetwork === true && known.node === parts.config.node)
    return { kind: 'node', address: ofFamily(nodeAddresses) };
  const where = known?.node === undefined ? '' : `: it is on ${known.node}`;
  const rule = `is not a pod of this node (namespace/name), \`node\` or an address${where}`;
  throw new InputError({ object: 'client', value: from, rule });
}
