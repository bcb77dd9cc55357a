// Packets of pods other than TCP. A chain that passes TCP and drops these is reported with a note at most, because it
// may be intended, as against QUIC or SCTP.

import type { AddressFamily } from '../../../net/address.ts';
import type { Packet } from './packet.ts';
import type { Probe } from './probe.ts';

const protocols: readonly {
  readonly fields: Pick<Packet, 'protocol' | 'destinationPort'>;
  readonly what: string;
}[] = [
  // Except for DNS, UDP is often limited to known ports.
  { fields: { protocol: 'udp', destinationPort: 53 }, what: 'DNS over UDP' },
  { fields: { protocol: 'sctp', destinationPort: 38412 }, what: 'SCTP' },
  { fields: { protocol: 'udplite', destinationPort: 5004 }, what: 'UDP-Lite' },
  { fields: { protocol: 'esp' }, what: 'protocols without ports (ESP, GRE)' },
];

/** `sent` and `answered`: a TCP request from a pod to outside, and its reply. */
export function protocolProbes(
  sent: Probe,
  answered: Probe,
  family: AddressFamily,
): readonly Probe[] {
  return [
    ...protocols.flatMap(({ fields: { protocol, destinationPort }, what: name }) => {
      const what = `${name} between pods and outside`;
      return [
        { ...rarer(sent, what), protocol, ...portsOf(40000, destinationPort) },
        { ...rarer(answered, what), protocol, ...portsOf(destinationPort, 40000) },
      ];
    }),
    icmpError(answered, family),
    ...[sent, answered].map(laterFragment),
  ];
}

// Without ICMP errors, large packets are lost on a path with a smaller MTU.
function icmpError(answered: Probe, family: AddressFamily): Probe {
  const probe = rarer(answered, 'ICMP errors from outside to pods (path MTU)');
  return family === 4
    ? { ...probe, protocol: 'icmp', icmpType: 'destination-unreachable', state: 'related' }
    : { ...probe, protocol: 'icmpv6', icmpType: 'packet-too-big', state: 'related' };
}

// Fragments are reassembled before connection tracking: only earlier chains see them.
function laterFragment(probe: Probe): Probe {
  const hooks = ['prerouting', 'ingress'];
  const what = 'later fragments of packets between pods and outside';
  return { ...rarer(probe, what), protocol: 'udp', isLaterFragment: true, hooks };
}

function rarer(probe: Probe, what: string): Omit<Probe, 'sourcePort' | 'destinationPort'> {
  const { sourcePort: _, destinationPort: __, ...rest } = probe;
  return { ...rest, what, isOptional: true, beside: probe.what };
}

function portsOf(
  sourcePort: number | undefined,
  destinationPort: number | undefined,
): Pick<Packet, 'sourcePort' | 'destinationPort'> {
  return sourcePort === undefined || destinationPort === undefined
    ? {}
    : { sourcePort, destinationPort };
}
