// The tracer of unit tests against the kernel: packets of every kind are sent through a node's rules, and the kernel's own
// trace (`nft monitor trace`) names the same rules in the same order.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { nftTable } from '../../src/datapath/nft/table.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { protocols } from '../../src/net/protocol.ts';
import { frame, portOf, sendFrames } from '../support/forged-frames.ts';
import { placeOf, runIn, spawnIn, testNamespace } from '../support/namespaces.ts';
import { type NftOptions, nftEntriesFor } from '../support/nft-states.ts';
import { tcp, tcpFlags, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { type TracedHook, type TracedTable, trace } from '../support/rule-tracer.ts';
import { applyEntries } from '../support/table-contract.ts';
import {
  isInPrefix,
  documentationNode as node,
  type TracedPacket,
} from '../support/traced-packet.ts';

const podLink = 'hd00000000005';
const mark = 0x68656464;

interface Sent {
  readonly from: 'pod' | 'outside' | 'node';
  readonly packet: TracedPacket & { readonly protocol: 'tcp' | 'udp' };
}

const families = [
  {
    ...{ own: '198.51.100.1', router: '192.0.2.1', peer: '198.51.100.2', pod: '192.0.2.5' },
    ...{
      outsider: '198.51.100.77',
      world: '203.0.113.9',
      loopback: '127.0.0.1',
      service: '203.0.113.50',
    },
  },
  {
    ...{
      own: '2001:db8:ffff::1',
      router: '2001:db8:1::1',
      peer: '2001:db8:ffff::2',
      pod: '2001:db8:1::5',
    },
    ...{
      outsider: '2001:db8:ffff::77',
      world: '2001:db8:9::9',
      loopback: '::1',
      service: '2001:db8:1::1',
    },
  },
] as const;

type Family = (typeof families)[number];

function packetsOf(family: Family): readonly Sent[] {
  const { own, router, peer, pod, outsider, world, loopback, service } = family;
  const tunnel = { protocol: 'udp', destinationPort: 4789 } as const;
  const mapped = { protocol: 'tcp', destinationPort: 8005 } as const;
  const dns = { protocol: 'udp', destinationPort: 53 } as const;
  const http = { protocol: 'tcp', destinationPort: 80 } as const;
  const from = {
    outside: [
      { source: peer, destination: own, ...tunnel },
      { source: peer, destination: router, ...tunnel },
      { source: outsider, destination: own, ...tunnel },
      { source: outsider, destination: peer, ...tunnel },
      { source: outsider, destination: own, ...mapped },
      { source: outsider, destination: service, ...mapped },
      { source: outsider, destination: service, ...http },
      { source: outsider, destination: own, ...dns },
      { source: pod, destination: own, ...mapped },
      { source: peer, destination: pod, ...dns, mark },
    ],
    pod: [
      { source: pod, destination: world, ...dns },
      { source: pod, destination: world, ...dns, mark },
      { source: pod, destination: own, ...mapped },
      { source: pod, destination: own, ...tunnel },
      { source: pod, destination: peer, ...tunnel },
      // The kernel drops IPv6's before any rule sees it.
      ...(loopback === '::1' ? [] : [{ source: pod, destination: loopback, ...mapped }]),
    ],
    node: [
      { source: own, destination: peer, ...tunnel },
      { source: own, destination: outsider, ...tunnel },
      { source: router, destination: peer, ...tunnel },
    ],
  } as const;
  return (['outside', 'pod', 'node'] as const).flatMap((place) =>
    from[place].map((packet) => ({ from: place, packet })),
  );
}

const options: readonly NftOptions[] = [
  { masquerade: true, tunnelTo: 1, mapped: [5] },
  { masquerade: true, tunnelTo: 1, mapped: [5], hasServices: true },
  { tunnelTo: 1 },
];

rootTest('the tracer of unit tests follows packets as the kernel does', async (context) => {
  const place = build(context);
  using nft = Nftables.open(place.node);
  const table = nftTable(nft);
  let sourcePort = 4000;
  for (const given of options) {
    const entries = nftEntriesFor(given);
    applyEntries(table, entries);
    await using traces = await Traces.begin(place, sourcePort++);
    for (const sent of families.flatMap(packetsOf)) {
      const packet = { ...sent.packet, sourcePort: sourcePort++ };
      const found = await traces.of(() => send(place, { ...sent, packet }));
      const wanted = walked({ entries, node }, { ...sent, packet });
      assert.deepEqual(found, wanted, JSON.stringify({ given, ...sent.packet, from: sent.from }));
    }
  }
});

/** Rules along the way, as far as the packet comes. */
function walked(table: TracedTable, { from, packet }: Sent): readonly string[] {
  const iif = { pod: podLink, outside: 'up0', node: undefined }[from];
  const rules: string[] = [];
  let current: TracedPacket | undefined = iif === undefined ? packet : { ...packet, iif };
  const pass = (hook: TracedHook): void => {
    if (current === undefined) return;
    const traced = trace(table, hook, current);
    rules.push(...traced.rules);
    current = traced.verdict === 'drop' ? undefined : traced.packet;
  };
  if (from !== 'node') pass('prerouting');
  const { destination } = current ?? packet;
  if (from !== 'node' && table.node.local.some((prefix) => isInPrefix(destination, prefix))) {
    pass('input');
    return rules;
  }
  const isToPod = destination === '192.0.2.5' || destination === '2001:db8:1::5';
  current = current && { ...current, oif: isToPod ? podLink : 'up0' };
  pass(from === 'node' ? 'output' : 'forward');
  pass('postrouting');
  return rules;
}

interface Place {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}

/** What `nft monitor trace` says of our table. */
class Traces implements AsyncDisposable {
  readonly #lines: string[] = [];
  readonly #child: ReturnType<typeof spawnIn>;
  readonly #rules: ReadonlyMap<string, readonly string[]>;

  private constructor(space: NetworkNamespace) {
    this.#rules = listedRules(runIn(space, 'nft', 'list', 'table', 'inet', 'heddle'));
    this.#child = spawnIn(space, 'stdbuf', ['-oL', 'nft', 'monitor', 'trace']);
    let rest = '';
    this.#child.stdout?.on('data', (data: Buffer) => {
      const lines = `${rest}${data}`.split('\n');
      rest = lines.pop() ?? '';
      this.#lines.push(...lines);
    });
  }

  /** Begins once it has seen a packet. */
  static async begin(place: Place, sourcePort: number): Promise<Traces> {
    const traces = new Traces(place.node);
    const ends = { source: '198.51.100.77', destination: '198.51.100.1' };
    const packet = { ...ends, protocol: 'udp', destinationPort: 9, sourcePort } as const;
    for (let attempt = 0; attempt < 100 && traces.#lines.length === 0; attempt++) {
      send(place, { from: 'outside', packet });
      await setTimeout(50);
    }
    await setTimeout(100);
    return traces;
  }

  /** Rules of ours that matched: `CHAIN NUMBER`. */
  async of(act: () => void): Promise<readonly string[]> {
    this.#lines.length = 0;
    act();
    for (let attempt = 0, seen = -1; attempt < 100; attempt++) {
      await setTimeout(20);
      if (this.#lines.length > 0 && this.#lines.length === seen) break;
      seen = this.#lines.length;
    }
    return this.#lines.flatMap((line) => {
      const [, chain = '', rule] =
        /^trace id \w+ inet heddle (\w+) rule (.*) \(verdict .*\)$/.exec(line) ?? [];
      if (rule === undefined) return [];
      return [`${chain} ${(this.#rules.get(chain)?.indexOf(rule) ?? -1) + 1}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}

function listedRules(listing: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  let rules: string[] | undefined;
  for (const line of listing.split('\n')) {
    const [, name] = /^\tchain (\w+) \{$/.exec(line) ?? [];
    if (name !== undefined) {
      rules = [];
      chains.set(name, rules);
    } else if (line === '\t}') rules = undefined;
    else if (!line.startsWith('\t\ttype ')) rules?.push(line.trim());
  }
  return chains;
}

function send(place: Place, { from, packet }: Sent): void {
  const { source, destination, protocol, sourcePort = 0, destinationPort = 0 } = packet;
  if (from === 'node') {
    const family = source.includes(':') ? 6 : 4;
    const script = `
      const socket = require('node:dgram').createSocket('udp${family}');
      socket.bind(${sourcePort}, '${source}', () =>
        socket.send('x', ${destinationPort}, '${destination}', () => socket.close()));`;
    runIn(place.node, process.execPath, '-e', script);
    return;
  }
  const [near, far] = from === 'pod' ? [podLink, 'eth0'] : ['up0', 'net0'];
  const ends = { source, destination, destinationMac: portOf(placeOf(place.node), near).mac };
  const ports = { sourcePort, destinationPort };
  const content = protocol === 'tcp' ? tcp({ ...ports, flags: tcpFlags.syn }) : udp(ports);
  if (packet.mark !== undefined) {
    runIn(place.node, 'nft', `add element inet tracing marked { ${sourcePort} }`);
  }
  sendFrames(portOf(placeOf(place[from]), far), [frame(ends, [protocols[protocol], content])]);
}

function build(context: TestContext): Place {
  const [own, pod, outside] = [1, 2, 3].map(() => testNamespace(context));
  assert(own !== undefined && pod !== undefined && outside !== undefined);
  const self = `/proc/${process.pid}/fd/`;
  for (const [namespace, ...commands] of [
    [
      own,
      `link add ${podLink} type veth peer name eth0 netns ${self}${pod.fd}`,
      `link add up0 type veth peer name net0 netns ${self}${outside.fd}`,
      'link set lo up',
      `link set ${podLink} up`,
      'link set up0 up',
      'address add 198.51.100.1/24 dev up0',
      'address add 2001:db8:ffff::1/64 dev up0 nodad',
      'address add 203.0.113.50/32 dev lo',
      `address add 192.0.2.1/26 dev ${podLink}`,
      `address add 2001:db8:1::1/64 dev ${podLink} nodad`,
      'route add 203.0.113.0/24 dev up0',
      '-6 route add 2001:db8:9::/64 dev up0',
    ],
    [pod, 'link set eth0 up'],
    [outside, 'link set net0 up'],
  ] as const) {
    for (const command of commands) runIn(namespace, 'ip', ...command.split(' '));
  }
  const settings = ['ipv4.ip_forward=1', 'ipv6.conf.all.forwarding=1', 'ipv4.conf.all.rp_filter=0'];
  const more = ['ipv4.conf.up0.rp_filter=0', 'netfilter.nf_conntrack_checksum=0'];
  for (const setting of [...settings, ...more]) runIn(own, 'sysctl', '-qw', `net.${setting}`);
  runIn(
    own,
    'nft',
    `table inet tracing {
       set marked { type inet_service; }
       chain in { type filter hook prerouting priority -500;
         meta l4proto { tcp, udp } th sport 4000-4999 meta nftrace set 1
         th sport @marked meta mark set ${mark}; }
       chain out { type filter hook output priority -500;
         meta l4proto { tcp, udp } th sport 4000-4999 meta nftrace set 1; }
     }`,
  );
  return { node: own, pod, outside };
}
