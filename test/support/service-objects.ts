// Services and slices for tests, from their unusual fields.

import type {
  ClusterEndpointSlice,
  ClusterService,
  SliceEndpoint,
} from '../../src/cluster/objects.ts';
import type { Address } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';

const meta = { namespace: 'shop', labels: {}, annotations: {} };

/** A ClusterIP Service with the port 80. */
export function serviceOf(name: string, fields: Partial<ClusterService> = {}): ClusterService {
  return {
    ...{ ...meta, name, type: 'ClusterIP', externalAddresses: [] },
    clusterAddresses: ['10.96.0.1' as Address],
    ports: [{ protocol: 'TCP', port: 80 as Port, targetPort: 80 as Port }],
    ...fields,
  };
}

export function sliceOf(
  name: string,
  endpoints: readonly SliceEndpoint[],
  fields: Partial<ClusterEndpointSlice> = {},
): ClusterEndpointSlice {
  return {
    ...{ ...meta, name, addressType: 'IPv4', service: name.replace(/-\w+$/, ''), endpoints },
    ports: [{ protocol: 'TCP', port: 8080 as Port }],
    ...fields,
  };
}

/** Ready, unless `fields` say otherwise. */
export function endpointOf(address: string, fields: Partial<SliceEndpoint> = {}): SliceEndpoint {
  const state = { ready: true, serving: true, terminating: false };
  return { addresses: [address as Address], ...state, ...fields };
}
