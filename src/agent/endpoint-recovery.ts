// A record whose file is corrupt or cut off, made again: addresses, MAC and number from the entry that the data path has for
// the interface, the rest from what of the text is still legible. Without it the pod would lose its network at the next
// settle, and its address could be given to another.

import type { Endpoint } from '../datapath/generated.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { IfIndex } from '../net/if-index.ts';
import { hostIfNameOf } from './endpoint-record.ts';

/** What the kernel has of an endpoint. */
export interface KernelTruth {
  link(
    hostIfName: string,
  ): { readonly ifIndex: IfIndex; readonly mtuBytes?: number | undefined } | undefined;
  /** The data path's entry. */
  entry(ifIndex: IfIndex): Endpoint | undefined;
}

/** Undefined when there is no such interface, or the data path does not serve it. */
export function recoverRecord(
  { link, entry }: KernelTruth,
  hostIfName: string,
  text: string,
): LocalEndpoint | undefined {
  const found = link(hostIfName);
  const served = found && entry(found.ifIndex);
  if (found?.mtuBytes === undefined || served === undefined) return undefined;
  const addresses = [served.ipv4, served.ipv6].filter((address) => address !== '::');
  if (addresses.length === 0) return undefined;
  const [, namespace, name] =
    /"pod":\s*\{\s*"namespace":\s*"([^"]+)",\s*"name":\s*"([^"]+)"/.exec(text) ?? [];
  const network = legible(text, 'network', /./);
  return {
    id: served.id,
    ...attachmentOf(hostIfName, text),
    namespacePath: legible(text, 'namespacePath', /^\//) ?? `/run/netns/unknown-${hostIfName}`,
    hostIfName,
    hostIfIndex: found.ifIndex,
    mac: served.mac,
    addresses,
    mtuBytes: found.mtuBytes,
    ...(network !== undefined && { network }),
    ...(namespace !== undefined && name !== undefined && { pod: { namespace, name } }),
    createdAt: legible(text, 'createdAt', /^\d{4}-.*Z$/) ?? new Date(0).toISOString(),
  };
}

// The interface's name is a digest of both: it proves what was read. DEL finds the record by that name in any case.
function attachmentOf(hostIfName: string, text: string): { containerId: string; ifName: string } {
  const containerId = legible(text, 'containerId', /./);
  const ifName = legible(text, 'ifName', /./) ?? 'eth0';
  const isProven =
    containerId !== undefined && hostIfNameOf({ containerId, ifName }) === hostIfName;
  return isProven ? { containerId, ifName } : { containerId: `unknown-${hostIfName}`, ifName };
}

function legible(text: string, field: string, shape: RegExp): string | undefined {
  const [, value] = new RegExp(`"${field}":\\s*"([^"\\\\]+)"`).exec(text) ?? [];
  return value !== undefined && shape.test(value) ? value : undefined;
}
