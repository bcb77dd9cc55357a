// A golden scenario: a folder with cluster manifests and `scenario.yaml` (this node, its configuration, its host's
// interfaces, its endpoints). Later steps replace the manifests.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseFields } from '../../src/base/parse-fields.ts';
import { addressField, list, optional, portField, prefixField } from '../../src/cluster/field.ts';
import { foldObjects } from '../../src/cluster/fold.ts';
import { readManifests } from '../../src/cluster/manifests/file.ts';
import { type ClusterState, emptyClusterState } from '../../src/cluster/state.ts';
import type { DesiredState, ModelConfig } from '../../src/model/desired.ts';
import type { EndpointId, LocalEndpoint } from '../../src/model/endpoint.ts';
import type { HostAddress, HostFacts, PrefixedAddress, Uplink } from '../../src/model/host.ts';
import { isLinkLocal } from '../../src/model/network/underlay.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { computeDesired } from './compute-desired.ts';

const ifIndex = z.int().transform((value) => value as IfIndex);

const uplink = z.strictObject({
  name: z.string(),
  ifIndex,
  mtuBytes: z.int(),
  /** Not Ethernet: WireGuard, tun. */
  withoutMac: z.boolean().default(false),
  /** `198.51.100.1/24` */
  addresses: list(z.string()),
  gateways: list(addressField),
});

/** The node's addresses besides those of its uplinks; on loopback unless an interface is named. */
const otherAddress = z.strictObject({
  /** `198.51.100.1/24` */
  address: z.string(),
  ifName: z.string().default('lo'),
});

const portMapping = z.strictObject({
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  hostPort: portField,
  containerPort: portField,
  hostAddress: optional(addressField),
});

const limit = z.strictObject({ bitsPerSecond: z.int() });

const endpoint = z.strictObject({
  id: z.int(),
  pod: z.string(),
  ifIndex,
  mac: z.string(),
  addresses: list(addressField),
  portMappings: optional(z.array(portMapping)),
  bandwidth: optional(z.object({ ingress: optional(limit), egress: optional(limit) })),
});

const scenario = z.strictObject({
  config: z.strictObject({
    node: z.string(),
    mode: z.enum(['native', 'vxlan']),
    mtuBytes: optional(z.int()),
    masquerade: optional(z.boolean()),
    nonMasqueradeCidrs: list(prefixField),
    vni: optional(z.int()),
  }),
  uplinks: list(uplink),
  otherAddresses: list(otherAddress),
  vxlanIfIndex: optional(ifIndex),
  endpoints: list(endpoint),
  /** Files of manifests, one per step. */
  steps: list(z.string()),
});

/** The desired state after each step. */
export function runScenario(folder: string): readonly DesiredState[] {
  const file = join(folder, 'scenario.yaml');
  const raw: unknown = parse(fs.readFileSync(file, 'utf8'));
  const { config, uplinks, otherAddresses, vxlanIfIndex, endpoints, steps } = parseFields(
    scenario,
    raw,
    file,
  );
  const host: HostFacts = {
    uplinks: uplinks.map(asUplink),
    addresses: [...uplinks.flatMap(addressesOf), ...otherAddresses.map(asOther)],
    vxlan: vxlanIfIndex === undefined ? undefined : { ifIndex: vxlanIfIndex },
  };
  const fixed = { config: asConfig(config), host, endpoints: endpoints.map(asEndpoint) };
  let cluster = emptyClusterState;
  return steps.map((step) => {
    cluster = readCluster(join(folder, step), cluster);
    return computeDesired({ ...fixed, cluster });
  });
}

function readCluster(file: string, previous: ClusterState): ClusterState {
  const { objects, problems } = readManifests(file, fs.readFileSync(file, 'utf8'));
  assert.deepEqual(problems, []);
  return foldObjects(
    Array.from(objects.values(), ({ content }) => content),
    previous,
  );
}

function asConfig(config: z.infer<typeof scenario>['config']): ModelConfig {
  return {
    nodeName: config.node,
    mode: config.mode,
    mtuBytes: config.mtuBytes,
    masquerade: config.masquerade ?? true,
    nonMasqueradeCidrs: config.nonMasqueradeCidrs,
    vxlan: { port: 4789, vni: config.vni ?? 1 },
  };
}

function asUplink({ addresses, withoutMac, ...rest }: z.infer<typeof uplink>): Uplink {
  return {
    ...rest,
    ...(withoutMac ? {} : { mac: parseMac('02:00:5e:10:01:01') }),
    addresses: addresses.map(asInterfaceAddress),
  };
}

function asInterfaceAddress(text: string): PrefixedAddress {
  const [head, length] = text.split('/');
  return { address: parseFields(addressField, head, text), prefixLength: Number(length) };
}

function addressesOf({ name, addresses }: z.infer<typeof uplink>): readonly HostAddress[] {
  return addresses
    .map((text) => ({ ...asInterfaceAddress(text), ifName: name, leadsNowhere: false }))
    .filter((each) => !isLinkLocal(each.address));
}

function asOther({ address: text, ifName }: z.infer<typeof otherAddress>): HostAddress {
  return { ...asInterfaceAddress(text), ifName, leadsNowhere: ifName === 'lo' };
}

function asEndpoint(given: z.infer<typeof endpoint>): LocalEndpoint {
  const [namespace = '', name = ''] = given.pod.split('/');
  return {
    id: given.id as EndpointId,
    containerId: `container-${given.id}`,
    ifName: 'eth0',
    namespacePath: `/run/netns/${name}`,
    hostIfName: `hd${String(given.id).padStart(11, '0')}`,
    hostIfIndex: given.ifIndex,
    mac: parseMac(given.mac),
    addresses: given.addresses,
    mtuBytes: 1500,
    pod: { namespace, name },
    portMappings: given.portMappings,
    bandwidth: given.bandwidth,
    createdAt: '2026-01-01T00:00:00Z',
  };
}
