// Rebuilds a record whose file is missing, corrupt or truncated from reliable information only: addresses, MAC and id
// in the data path's entry of the interface. Without it the pod would lose its network in the next settle, and its
// address could be given to another. Limits, host ports and names are lost.

import type { CniAttachment } from '../../cni/request.ts';
import type { Endpoint } from '../../datapath/generated.ts';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { hostIfNameOf } from './record.ts';

/** The kernel's state of an endpoint. */
export interface KernelProbe {
  link(
    hostIfName: string,
  ): { readonly ifIndex: IfIndex; readonly mtuBytes?: number | undefined } | undefined;
  /** The data path's entry. */
  entry(ifIndex: IfIndex): Endpoint | undefined;
}

/**
 * `text`: remaining content of the record. Undefined if there is no such interface, or the data path does not serve it.
 */
export function recoverRecord(
  probe: KernelProbe,
  hostIfName: string,
  text: string,
): LocalEndpoint | undefined {
  const link = probe.link(hostIfName);
  const entry = link && probe.entry(link.ifIndex);
  if (link?.mtuBytes === undefined || entry === undefined) return undefined;
  const addresses = [entry.ipv4, entry.ipv6].filter((address) => address !== '::');
  if (addresses.length === 0) return undefined;
  const unknown = `unknown-${hostIfName}`;
  const attachment = provenAttachment(hostIfName, text);
  return {
    id: entry.id as EndpointId,
    ...(attachment ?? { containerId: unknown, ifName: 'unknown' }),
    namespacePath: `/run/netns/${unknown}`,
    hostIfName,
    hostIfIndex: link.ifIndex,
    mac: entry.mac,
    addresses,
    mtuBytes: link.mtuBytes,
    createdAt: new Date(0).toISOString(),
    isRecovered: true,
  };
}

// The interface's name is a digest of both. DEL finds the record by that name in any case.
function provenAttachment(hostIfName: string, text: string): CniAttachment | undefined {
  const [containerId = '', ifName = ''] = ['containerId', 'ifName'].map(
    (field) => new RegExp(`"${field}":\\s*"([^"\\\\]+)"`).exec(text)?.[1],
  );
  const attachment = { containerId, ifName };
  return hostIfNameOf(attachment) === hostIfName ? attachment : undefined;
}
