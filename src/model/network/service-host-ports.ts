// Host ports whose `hostIP` is an address of a Service that this node holds. They lead nowhere: the pod would get the
// connections of that Service's clients on this node.

import type { Entries } from '../../base/collections/collection.ts';
import { mapEach } from '../../base/collections/derived.ts';
import { podOrContainer } from '../../base/namespaced-name.ts';
import { describeHostPort, isAnyAddress, type PortMapping } from '../../net/port-mapping.ts';
import { type Prefix, prefixContains } from '../../net/prefix.ts';
import type { ModelProblem } from '../desired.ts';
import type { LocalEndpoint } from '../endpoint.ts';
import type { HostAddress } from '../host.ts';

/** A pod with mappings that name an address. */
export interface NamingPod {
  readonly endpoint: LocalEndpoint;
  readonly mappings: readonly PortMapping[];
}

/** Of the endpoints, by their keys. */
export function namingPods(endpoints: Entries<string, LocalEndpoint>): Entries<string, NamingPod> {
  return mapEach(endpoints, (endpoint, key): readonly (readonly [string, NamingPod])[] => {
    const mappings = (endpoint.portMappings ?? []).filter(
      ({ hostAddress }) => hostAddress !== undefined && !isAnyAddress(hostAddress),
    );
    return mappings.length === 0 ? [] : [[key, { endpoint, mappings }]];
  });
}

/** `own`: see DesiredState.hostPortAddresses; `local`: all addresses of this node. */
export function serviceHostPortProblems(
  pods: readonly NamingPod[],
  own: readonly Prefix[] | undefined,
  local: readonly HostAddress[],
): readonly ModelProblem[] {
  if (own === undefined) return none;
  const problems = pods.flatMap(({ endpoint, mappings }) =>
    mappings.flatMap((mapping): readonly ModelProblem[] => {
      const { hostAddress } = mapping;
      const isLocal = local.some(({ address }) => address === hostAddress);
      if (hostAddress === undefined || !isLocal) return [];
      if (own.some((prefix) => prefixContains(prefix, hostAddress))) return [];
      const rule = 'hostIP is an address of a Service, whose connections the pod does not get';
      return [
        {
          object: podOrContainer(endpoint),
          text: `host port ${describeHostPort(mapping)}: ${rule}`,
          alike: rule,
        },
      ];
    }),
  );
  return problems.length === 0 ? none : problems;
}

const none: readonly ModelProblem[] = [];
