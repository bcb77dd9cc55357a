// ICMP errors about tunnels, by nftables alone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { close, socket } from '../../src/kernel/libc.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addressBytes, addressFamily, parseAddress } from '../../src/net/address.ts';
import { macBytes } from '../../src/net/mac.ts';
import { Capture } from '../support/capture.ts';
import { entriesOf } from '../support/entries-of.ts';
import { frame, portOf, sendFrames, vxlan } from '../support/forged-frames.ts';
import { ipIn, placeOf, runIn, spawnIn } from '../support/namespaces.ts';
import { onesComplementSum } from '../support/outer-headers.ts';
import {
  extension,
  families,
  icmpEcho,
  icmpProtocol,
  icmpTooBig,
  joined,
  tcp,
  tcpFlags,
  udp,
} from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';
import { arrivedAt, tooBigFrame } from '../support/tcp-frames.ts';
import { desired, dropped, node4, node6, tunnelNode } from '../support/tunnel-node.ts';

/** An error of an outside host: the packet of this node to another node is longer than the path's MTU. */
interface TunnelError {
  readonly what: string;
  readonly quoted: readonly [protocol: number, payload: Uint8Array];
  readonly options?: Uint8Array;
  readonly isFirstFragment?: boolean;
  /** Absent: this node. */
  readonly destination?: string;
  readonly dropped: boolean;
  /** Absent: the kernel checks something else, too. */
  readonly isBelieved?: true;
}

const vrrp = 112;
const believed = { dropped: true, isBelieved: true } as const;

const tunnelErrors: Readonly<Record<4 | 6, readonly TunnelError[]>> = {
  4: [
    { what: 'in a tunnel', quoted: [17, toPort(4789)], ...believed },
    {
      what: 'in a tunnel with IP options',
      options: new Uint8Array(4).fill(1),
      quoted: [17, toPort(4789)],
      ...believed,
    },
    { what: 'of the tunnel device', quoted: [17, toPort(40000, 4789)], ...believed },
    { what: 'an echo reply', quoted: [1, icmpEcho(4, { id: 1, reply: true })], ...believed },
    {
      what: 'in a tunnel, a first fragment',
      quoted: [17, toPort(4789)],
      isFirstFragment: true,
      dropped: true,
    },
    { what: "a raw socket's packet", quoted: [vrrp, new Uint8Array(8)], ...believed },
    { what: 'to another port', quoted: [17, toPort(53)], dropped: true },
    { what: 'TCP without a connection', quoted: [6, tcpOfTunnel()], dropped: true },
    { what: 'IPsec', quoted: [50, new Uint8Array(8)], dropped: false },
  ],
  6: [
    { what: 'in a tunnel', quoted: [17, toPort(4789)], ...believed },
    { what: 'of the tunnel device', quoted: [17, toPort(40000, 4789)], ...believed },
    {
      what: 'in a tunnel, to all nodes',
      quoted: [17, toPort(4789)],
      destination: 'ff02::1',
      ...believed,
    },
    {
      what: "in a tunnel, to the routers' anycast address",
      quoted: [17, toPort(4789)],
      destination: '2001:db8:ffff::',
      ...believed,
    },
    {
      what: 'in a tunnel behind an extension header',
      quoted: [60, extension({ kind: 60, next: 17 }, toPort(4789))],
      ...believed,
    },
    { what: 'an echo reply', quoted: [58, icmpEcho(6, { id: 1, reply: true })], ...believed },
    { what: "a raw socket's packet", quoted: [vrrp, new Uint8Array(8)], dropped: true },
    { what: 'to another port', quoted: [17, toPort(53)], dropped: true },
    { what: 'TCP without a connection', quoted: [6, tcpOfTunnel()], dropped: true },
    { what: 'IPsec', quoted: [50, new Uint8Array(8)], dropped: false },
  ],
};

function tcpOfTunnel(): Uint8Array {
  return tcp({ sourcePort: 4789, destinationPort: 4789, flags: 16 });
}

/** A datagram with VXLAN's header in it, which the kernel looks at before it believes an error. */
function toPort(destinationPort: number, sourcePort = 40000): Uint8Array {
  return udp({ sourcePort, destinationPort }, vxlan(0, new Uint8Array(20)));
}

const places = {
  4: { own: node4, peer: '198.51.100.2', outsider: '203.0.113.9' },
  6: { own: node6, peer: '2001:db8:ffff::2', outsider: '2001:db8:9::9' },
} as const;

rootTest('no error of an outside host changes the path MTU between nodes', (context) => {
  const { node, outside } = tunnelNode(context);
  ipIn(node, 'link add vx0 type vxlan external dstport 4789', 'link set vx0 up');
  using nft = Nftables.open(node);
  using netfilter = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(netfilter, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  const [near, far] = [portOf(placeOf(node), 'up0'), portOf(placeOf(outside), 'net0')];
  const macs = { sourceMac: far.mac, destinationMac: near.mac };
  using _sockets = rawSockets(node);
  const send = (version: 4 | 6, error: TunnelError): void => {
    const { own, peer, outsider } = places[version];
    const { quoted, options, isFirstFragment = false, destination = own } = error;
    const about = frame({ source: own, destination: peer }, quoted, options && { options });
    const ends = { source: outsider, destination, ...macs };
    const body = summed(ends, icmpTooBig(version, about.subarray(14)));
    const protocol = icmpProtocol(version);
    sendFrames(far, [frame(ends, [protocol, body], { moreFragments: isFirstFragment })]);
  };
  for (const version of families) {
    for (const error of tunnelErrors[version]) {
      const before = dropped(drops);
      send(version, error);
      const what = `IPv${version}, ${error.what}`;
      assert.equal(dropped(drops) - before, error.dropped ? 1 : 0, what);
      const { peer } = places[version];
      if (error.dropped) assert.doesNotMatch(runIn(node, 'ip', 'route', 'get', peer), /mtu/, what);
    }
  }
  runIn(node, 'nft', 'delete', 'table', 'inet', 'heddle');
  for (const version of families) {
    const route = (...words: string[]) => runIn(node, 'ip', `-${version}`, 'route', ...words);
    for (const error of tunnelErrors[version].filter(({ isBelieved }) => isBelieved)) {
      route('flush', 'cache');
      send(version, error);
      assert.match(
        route('get', places[version].peer),
        /mtu 1280/,
        `without rules: IPv${version}, ${error.what}`,
      );
    }
  }
});

rootTest('nor does one of the other end of a TCP connection with another node', async (context) => {
  const { node, outside } = tunnelNode(context);
  using nft = Nftables.open(node);
  using netfilter = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(netfilter, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  const [near, far] = [portOf(placeOf(node), 'up0'), portOf(placeOf(outside), 'net0')];
  using capture = Capture.start(placeOf(outside));
  await listen(context, node);
  await listen(context, outside);
  const macs = { sourceMac: far.mac, destinationMac: near.mac };
  const sendError = async (version: 4 | 6, from: string, to: string): Promise<void> => {
    const { own } = places[version];
    arrivedAt(capture, macBytes(far.mac));
    const ends = `{ host: '${to}', port: 7000, localAddress: '${from}' }`;
    const script = `require('node:net').connect(${ends}, () => console.log('connected'))`;
    const client = spawnIn(from === own ? node : outside, process.execPath, ['-e', script]);
    context.after(() => client.kill());
    await once(client.stdout ?? assert.fail(), 'data');
    await setTimeout(50);
    const { segments } = arrivedAt(capture, macBytes(far.mac));
    const last = segments.findLast(({ source }) => source === own) ?? assert.fail('no segment');
    // A SYN-ACK takes a number of its own.
    const sequence = (last.sequence + (last.flags & tcpFlags.syn ? 1 : 0)) >>> 0;
    sendFrames(far, [tooBigFrame({ ...last, sequence, bytes: 8 }, macs)]);
  };
  const isBelieved = (version: 4 | 6, address: string): boolean =>
    /mtu 1280/.test(runIn(node, 'ip', `-${version}`, 'route', 'get', address));
  for (const version of families) {
    const { own, peer, outsider } = places[version];
    await sendError(version, own, peer);
    await sendError(version, peer, own);
    assert.equal(isBelieved(version, peer), false, peer);
    assert.equal(dropped(drops), 2 * families.indexOf(version) + 2);
    await sendError(version, own, outsider);
    assert.equal(isBelieved(version, outsider), true, outsider);
  }
  runIn(node, 'nft', 'delete', 'table', 'inet', 'heddle');
  for (const version of families) {
    const { own, peer } = places[version];
    for (const [from, to] of [
      [own, peer],
      [peer, own],
    ] as const) {
      runIn(node, 'ip', `-${version}`, 'route', 'flush', 'cache');
      await sendError(version, from, to);
      assert.equal(isBelieved(version, peer), true, `without rules: to ${to}`);
    }
  }
});

/** At port 7000. */
async function listen(context: TestContext, namespace: NetworkNamespace): Promise<void> {
  const script = `require('node:net').createServer(() => {}).listen(7000, '::', () => console.log('ready'))`;
  const server = spawnIn(namespace, process.execPath, ['-e', script]);
  context.after(() => server.kill());
  await once(server.stdout ?? assert.fail(), 'data');
}

/** As a daemon has them that speaks VRRP. */
function rawSockets(node: NetworkNamespace): Disposable {
  const sockets = node.run(() => [2, 10].map((family) => socket(family, 3, vrrp)));
  return {
    [Symbol.dispose]: () => {
      for (const fd of sockets) close(fd);
    },
  };
}

function summed(
  { source, destination }: { readonly source: string; readonly destination: string },
  message: Uint8Array,
): Uint8Array {
  const bytes = Uint8Array.from(message);
  const [from, to] = [parseAddress(source), parseAddress(destination)];
  const pseudo =
    addressFamily(from) === 4
      ? new Uint8Array()
      : joined(
          addressBytes(from),
          addressBytes(to),
          [0, 0, bytes.length >> 8, bytes.length & 0xff],
          [...[0, 0, 0, 58]],
        );
  new DataView(bytes.buffer).setUint16(2, ~onesComplementSum(joined(pseudo, bytes)) & 0xffff);
  return bytes;
}
