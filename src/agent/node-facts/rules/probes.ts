// Descriptions of the packets that must pass the node's hooks. None of them is ever sent.

import type { DesiredState } from '../../../model/desired.ts';
import type { LocalEndpoint } from '../../../model/endpoint.ts';
import { podLinkPrefix } from '../../../model/ids.ts';
import {
  type Address,
  type AddressFamily,
  addressFamily,
  parseAddress,
} from '../../../net/address.ts';
import { addressAt, prefixFamily } from '../../../net/prefix.ts';
import { egressProbes } from './egress-probes.ts';
import type { Packet } from './packet.ts';
import type { Probe } from './probe.ts';
import { protocolProbes } from './protocol-probes.ts';

// Outside addresses that rules against private and documentation addresses do not match.
const outside = { 4: parseAddress('9.9.9.9'), 6: parseAddress('2620:fe::fe') } as const;
/** Name of a possible pod interface, for a node without pods. */
const anyPod = `${podLinkPrefix}0123456789a`;

export function probesOf(desired: DesiredState, family: AddressFamily): readonly Probe[] {
  const { podRanges, uplinks } = desired;
  const range = podRanges.find(({ prefix }) => prefixFamily(prefix) === family);
  const pod = range && addressAt(range.prefix, 2n);
  const uplink = uplinks[0]?.name;
  if (pod === undefined || uplink === undefined) return tunnelProbes(desired, family);
  const podInterface = desired.endpoints.values()[0]?.hostIfName ?? anyPod;
  const forwarded = ['prerouting', 'forward', 'postrouting', 'ingress'];
  const out = { source: pod, destination: outside[family], input: podInterface, output: uplink };
  const back = { source: outside[family], destination: pod, input: uplink, output: podInterface };
  const request = { protocol: 'tcp', sourcePort: 40000, destinationPort: 443 } as const;
  const answer = { protocol: 'tcp', sourcePort: 443, destinationPort: 40000 } as const;
  const sent = {
    ...out,
    ...request,
    state: 'new',
    hooks: forwarded,
    what: 'packets of pods to outside the cluster',
  } as const;
  const answered = {
    ...back,
    ...answer,
    state: 'established',
    hooks: forwarded,
    what: 'replies from outside to pods',
  } as const;
  return [
    sent,
    answered,
    ...protocolProbes(sent, answered, family),
    ...egressProbes(desired, sent, answered),
    ...hostPortProbes(desired, back, family),
    ...remoteProbes(desired, { pod, podInterface, uplink }),
    ...stackProbes(desired, { pod, podInterface }),
    ...nodePortProbes(desired, { outside: outside[family], uplink }),
    ...nodeProbes(desired, { pod, podInterface }),
    ...tunnelProbes(desired, family),
  ];
}

function hostPortProbes(
  { endpoints }: DesiredState,
  back: Pick<Packet, 'source' | 'destination' | 'input' | 'output'>,
  family: AddressFamily,
): readonly Probe[] {
  const has = endpoints
    .values()
    .some(
      ({ portMappings = [], addresses }: LocalEndpoint) =>
        portMappings.length > 0 && addresses.some((each) => addressFamily(each) === family),
    );
  const request = { protocol: 'tcp', sourcePort: 40000, destinationPort: 8080 } as const;
  const hooks = ['forward', 'postrouting'];
  const what = 'connections to host ports of pods';
  return has ? [{ ...back, ...request, state: 'new', isTranslated: true, hooks, what }] : [];
}

interface OwnPod {
  readonly pod: Address;
  readonly podInterface: string;
}

// Packets to a Service are translated in the node's stack and leave it like this.
function remoteProbes(
  { remoteRanges, overlay }: DesiredState,
  { pod, podInterface, uplink }: OwnPod & { readonly uplink: string },
): readonly Probe[] {
  const remote = remotePod({ remoteRanges, overlay }, { family: addressFamily(pod), uplink });
  if (remote === undefined) return [];
  const ends = { source: pod, input: podInterface, ...remote };
  const what = 'packets of pods to Services with backends on other nodes';
  return [{ ...ends, ...translatedRequest, what }];
}

// Between pods of two nodes, only packets through the stack pass hooks.
function stackProbes(
  { remoteRanges }: DesiredState,
  { pod, podInterface }: OwnPod,
): readonly Probe[] {
  const family = addressFamily(pod);
  const found = remoteRanges.find(
    ({ prefix, path }) => prefixFamily(prefix) === family && path.kind === 'native' && path.byStack,
  );
  const remote = found && addressAt(found.prefix, 2n);
  if (remote === undefined || found?.path.kind !== 'native') return [];
  const { ifName } = found.path;
  const request = { protocol: 'tcp', sourcePort: 40000, destinationPort: 8080 } as const;
  const sent = {
    ...request,
    state: 'new',
    hooks: ['prerouting', 'forward', 'postrouting'],
  } as const;
  return [
    {
      ...{ source: pod, destination: remote, input: podInterface, output: ifName, ...sent },
      what: 'packets of pods to pods of other nodes',
    },
    {
      ...{ source: remote, destination: pod, input: ifName, output: podInterface, ...sent },
      what: 'packets of pods of other nodes to pods',
    },
  ];
}

// Packets to a port of this node for a Service whose backend is elsewhere. kube-proxy may have marked them.
function nodePortProbes(
  desired: DesiredState,
  { outside: source, uplink }: { readonly outside: Address; readonly uplink: string },
): readonly Probe[] {
  const remote = remotePod(desired, { family: addressFamily(source), uplink });
  if (remote === undefined) return [];
  const ends = { source, input: uplink, ...remote };
  const what = 'connections from outside to node ports of Services with backends on other nodes';
  return [{ ...ends, ...translatedRequest, mayBeMarked: true, isOptional: true, what }];
}

const translatedRequest = {
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 8080,
  state: 'new',
  isTranslated: true,
  hooks: ['forward', 'postrouting'],
} as const;

function remotePod(
  { remoteRanges, overlay }: Pick<DesiredState, 'remoteRanges' | 'overlay'>,
  { family, uplink }: { readonly family: AddressFamily; readonly uplink: string },
): { readonly destination: Address; readonly output: string } | undefined {
  const range = remoteRanges.find(({ prefix }) => prefixFamily(prefix) === family);
  const destination = range && addressAt(range.prefix, 2n);
  if (range === undefined || destination === undefined) return undefined;
  const output = range.path.kind === 'native' ? range.path.ifName : (overlay?.name ?? uplink);
  return { destination, output };
}

// The kubelet's probes of pods: the request leaves, the reply arrives.
function nodeProbes(
  { hostAddresses }: DesiredState,
  { pod, podInterface }: OwnPod,
): readonly Probe[] {
  const family = addressFamily(pod);
  const node = hostAddresses.find((address) => addressFamily(address) === family);
  if (node === undefined) return [];
  const out = { source: node, destination: pod, output: podInterface } as const;
  const back = { source: pod, destination: node, input: podInterface } as const;
  const request = { protocol: 'tcp', sourcePort: 40000, destinationPort: 8080 } as const;
  const answer = { protocol: 'tcp', sourcePort: 8080, destinationPort: 40000 } as const;
  const what = "the node's own connections to its pods";
  return [
    { ...out, ...request, state: 'new', hooks: ['output', 'postrouting'], what },
    { ...back, ...answer, state: 'established', hooks: ['prerouting', 'input'], what },
  ];
}

function tunnelProbes(
  { overlay, uplinks, hostAddresses, remoteRanges }: DesiredState,
  family: AddressFamily,
): readonly Probe[] {
  const uplink = uplinks[0]?.name;
  const node = hostAddresses.find((address) => addressFamily(address) === family);
  if (overlay === undefined || overlay.underlay !== family || !uplink || !node) return [];
  const { path } = remoteRanges.find((range) => range.path.kind === 'overlay') ?? {};
  if (path?.kind !== 'overlay') return [];
  const ports = { protocol: 'udp', sourcePort: 50000, destinationPort: overlay.port } as const;
  const peer = path.tunnelEndpoint;
  const what = `tunnelled packets of other nodes (UDP port ${overlay.port})`;
  const hooks = ['prerouting', 'input', 'ingress'];
  const sent = `tunnelled packets to other nodes (UDP port ${overlay.port})`;
  return [
    { source: peer, destination: node, input: uplink, ...ports, state: 'untracked', hooks, what },
    {
      ...{ source: node, destination: peer, output: uplink, ...ports, state: 'untracked' },
      ...{ hooks: ['output', 'postrouting', 'egress'], what: sent },
    },
  ];
}
