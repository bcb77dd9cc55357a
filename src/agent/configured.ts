// Parts of the agent that depend only on its configuration.

import { join } from 'node:path';
import type { Logger } from '../base/log.ts';
import { splitListenAddress } from '../config/listen-address.ts';
import type { AgentConfig } from '../config/schema.ts';
import { type Datapath, loadDatapath, readDatapathObject } from '../datapath/load/loader.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { findCgroupRoot } from '../kernel/requirements.ts';
import type { ModelConfig } from '../model/desired.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { parsePort } from '../net/port.ts';
import { isAnyAddress, type MappedProtocol } from '../net/port-mapping.ts';
import { AddressCooldown } from '../pods/addresses/cooldown.ts';
import type { Pods } from '../pods/pods.ts';
import type { OwnPort } from '../pods/port-conflict.ts';
import { type KernelProbe, recoverRecord } from '../pods/records/recovery.ts';
import { EndpointStore } from '../pods/records/store.ts';
import type { IpamSettings } from '../pods/reservation.ts';
import { CniConfiguration } from './cni-configuration.ts';

export function openStore(
  { stateDir, endpointEntries }: AgentConfig,
  truth: KernelProbe,
): EndpointStore {
  return EndpointStore.open(join(stateDir, 'endpoints'), endpointEntries, {
    recover: (hostIfName, text) => recoverRecord(truth, hostIfName, text),
    spareDirectory: join(stateDir, 'spare-records'),
  });
}

export function cniConfiguration(config: AgentConfig, log: Logger, pods: Pods): CniConfiguration {
  const { confDir } = config.cni;
  return new CniConfiguration({
    confDir,
    socket: config.socket,
    log,
    refusal: () => pods.refusal(),
  });
}

export function ipamSettings({ ipam, stateDir }: AgentConfig): IpamSettings {
  const { cooldownMs, reservedCidrs, excludedCidrs } = ipam;
  const cooldown = new AddressCooldown({ file: join(stateDir, 'released-addresses'), cooldownMs });
  return { reserved: reservedCidrs, excluded: excludedCidrs, cooldown };
}

/** Port 0 takes a free one, which pods' host ports may take first. */
export function ownPorts({ health, metrics, mode, vxlan }: AgentConfig): readonly OwnPort[] {
  const listening = [
    ['health.address', health.address],
    ['metrics.address', metrics.address],
  ] as const;
  return [
    ...listening.flatMap(([key, text]) => {
      const { host, port = 0 } = splitListenAddress(text) ?? {};
      return host === undefined || port === 0
        ? []
        : [ownPort(key, 'tcp', port, parseAddress(host))];
    }),
    ...(mode === 'vxlan' ? [ownPort('vxlan.port', 'udp', vxlan.port)] : []),
  ];
}

function ownPort(
  key: string,
  protocol: MappedProtocol,
  number: number,
  address?: Address,
): OwnPort {
  const port = parsePort(number);
  // A wildcard of one family may be one of both.
  const hostAddress = address === undefined || isAnyAddress(address) ? undefined : address;
  return { key, mapping: { protocol, hostPort: port, containerPort: port, hostAddress } };
}

export function loadConfigured(config: AgentConfig): Datapath {
  const { pinDir, endpointEntries, addressEntries, routeEntries, flowEntries, services } = config;
  const isOn = services.mode === 'on';
  return loadDatapath({
    pinDir,
    object: readDatapathObject(),
    sizes: { endpointEntries, addressEntries, routeEntries, flowEntries, services },
    services: isOn,
    constants: {
      events_per_second_per_cpu: config.eventsPerSecond,
      ...(isOn && {
        services_on: 1,
        pod_sockets_on: services.podSockets ? 1 : 0,
        node_netns_cookie: ownCookie(),
      }),
    },
  });
}

function ownCookie(): number {
  using namespace = NetworkNamespace.current();
  return namespace.cookie();
}

export function modelConfig(config: AgentConfig): ModelConfig {
  const { node, mode, mtuBytes, masquerade, nonMasqueradeCidrs, podCidrs, vxlan } = config;
  const { services, cgroupRoot } = config;
  return {
    nodeName: node,
    mode,
    mtuBytes: mtuBytes === 'auto' ? undefined : mtuBytes,
    masquerade,
    nonMasqueradeCidrs,
    podCidrs,
    vxlan,
    nodePortAddresses: nodePortAddressesOf(services),
    socketCgroup: services.mode === 'on' ? (cgroupRoot ?? findCgroupRoot()) : undefined,
  };
}

/** Undefined: all addresses, or Heddle does not translate. */
function nodePortAddressesOf({
  mode,
  nodePortAddresses: list,
}: AgentConfig['services']): ModelConfig['nodePortAddresses'] {
  if (mode !== 'on' || list.length === 0) return undefined;
  const prefixes = list.flatMap((each) => (each === 'primary' ? [] : [each]));
  return prefixes.length === 0 ? 'primary' : prefixes;
}
