// A record whose file is corrupt or cut off, made again: addresses, MAC and number from the entry that the data path has for
// the interface, limits and host ports from queues and nftables, names from what of the text is still legible. Without it the pod would lose its network at the next
// settle, and its address could be given to another.

import type { Endpoint } from '../../datapath/generated.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { RateLimit } from '../../net/bandwidth.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { PortMapping } from '../../net/port-mapping.ts';
import { hostIfNameOf } from './record.ts';

/** What the kernel has of an endpoint. */
export interface KernelProbe {
  link(
    hostIfName: string,
  ): { readonly ifIndex: IfIndex; readonly mtuBytes?: number | undefined } | undefined;
  /** The data path's entry. */
  entry(ifIndex: IfIndex): Endpoint | undefined;
  /** Of what the pod receives. */
  ingressLimit(ifIndex: IfIndex, mtuBytes: number): RateLimit | undefined;
  /** Of what the pod sends: `unknown` where its namespace is not to be found. */
  egressLimit(pod: PodInterface): RateLimit | undefined | 'unknown';
  hostPorts(addresses: readonly Address[]): readonly PortMapping[];
}

export interface PodInterface {
  readonly hostIfName: string;
  readonly namespacePath: string;
  readonly ifName: string;
  readonly mac: Mac;
  readonly mtuBytes: number;
}

export interface RecoveredRecord {
  readonly record: LocalEndpoint;
  /** What neither the kernel nor the text has, in words. */
  readonly lost: readonly string[];
}

/** Undefined when there is no such interface, or the data path does not serve it. */
export function recoverRecord(
  truth: KernelProbe,
  hostIfName: string,
  text: string,
): RecoveredRecord | undefined {
  const found = truth.link(hostIfName);
  const served = found && truth.entry(found.ifIndex);
  if (found?.mtuBytes === undefined || served === undefined) return undefined;
  const addresses = [served.ipv4, served.ipv6].filter((address) => address !== '::');
  if (addresses.length === 0) return undefined;
  const attachment = attachmentOf(hostIfName, text);
  const legiblePath = legible(text, 'namespacePath', /^\//);
  const namespacePath = legiblePath ?? `/run/netns/unknown-${hostIfName}`;
  const { ifIndex, mtuBytes } = found;
  const { mac, id } = served;
  const ingress = truth.ingressLimit(ifIndex, mtuBytes);
  const egress = truth.egressLimit({ ...attachment, hostIfName, namespacePath, mac, mtuBytes });
  const portMappings = truth.hostPorts(addresses);
  const names = namesIn(text);
  const createdAt = legible(text, 'createdAt', /^\d{4}-.*Z$/);
  const record = {
    id,
    ...attachment,
    namespacePath,
    hostIfName,
    hostIfIndex: ifIndex,
    mac,
    addresses,
    mtuBytes,
    ...bandwidthOf(ingress, egress === 'unknown' ? undefined : egress),
    ...names,
    ...(portMappings.length > 0 && { portMappings }),
    createdAt: createdAt ?? new Date(0).toISOString(),
  };
  const isNameless = attachment.containerId.startsWith('unknown-');
  const lost = [
    ...(isNameless ? ['container id'] : []),
    ...(legiblePath === undefined ? ['path of its namespace'] : []),
    ...(names.network === undefined ? ['name of its network (GC passes it over)'] : []),
    // Written after the pod's name: where it is legible there was no name.
    ...(names.pod === undefined && createdAt === undefined
      ? ['name of the pod, if it had one']
      : []),
    ...(egress === 'unknown' ? ['limit of what it sends, if it had one (it stays in force)'] : []),
  ];
  return { record, lost };
}

function namesIn(text: string): Pick<LocalEndpoint, 'network' | 'pod'> {
  const [, namespace, name] =
    /"pod":\s*\{\s*"namespace":\s*"([^"]+)",\s*"name":\s*"([^"]+)"/.exec(text) ?? [];
  const network = legible(text, 'network', /./);
  const uid = legible(text, 'uid', /./);
  const isNamed = namespace !== undefined && name !== undefined;
  return {
    ...(network !== undefined && { network }),
    ...(isNamed && { pod: { namespace, name, ...(uid !== undefined && { uid }) } }),
  };
}

function bandwidthOf(
  ingress: RateLimit | undefined,
  egress: RateLimit | undefined,
): Pick<LocalEndpoint, 'bandwidth'> {
  if (ingress === undefined && egress === undefined) return {};
  return { bandwidth: { ...(ingress && { ingress }), ...(egress && { egress }) } };
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
