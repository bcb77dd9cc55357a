// The current connections to Services by the socket: what the programs remember, joined with the kernel's sockets.

import assert from 'node:assert/strict';
import type { ConnectionFilter } from '../../src/agent/views/connection-filter.ts';
import type { ConnectionNames } from '../../src/agent/views/packet-connections.ts';
import { connectedSockets, unconnectedSockets } from '../../src/agent/views/remembered-sockets.ts';
import { socketConnections } from '../../src/agent/views/socket-connections.ts';
import type { ServiceConnection, ServiceConnections } from '../../src/api/service-connections.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { rootTest } from '../support/root-test.ts';
import {
  backends,
  clusterAddress,
  podAddress,
  type SocketNode,
  serviceNode,
  setFrontend,
  setList,
} from '../support/service-node.ts';
import type { SocketCaller, SocketEnd } from '../support/socket-caller.ts';

const families = [4, 6] as const;
const cluster = (family: 4 | 6): SocketEnd => ({ address: clusterAddress[family], port: 80 });
// Numbers of backends are unique on a node.
const numberOf = { 4: 1, 6: 2 } as const;
const web = { namespace: 'shop', name: 'client' };
const names: ConnectionNames = {
  owner: (address) =>
    address.startsWith('198.51.100') ? { kind: 'node', node: 'n1' } : { kind: 'world' },
  frontend: ({ port, protocol }) =>
    port === 80 ? { service: `shop/${protocol.toLowerCase()}` } : {},
};

function backendOf(family: 4 | 6): { readonly address: Address; readonly port: Port } {
  const { address, port } = backends[family][numberOf[family] - 1] ?? assert.fail();
  return { address: parseAddress(address), port: port as Port };
}

interface Look extends ConnectionFilter {
  readonly limit?: number;
  readonly isLate?: boolean;
  /** Default: all. */
  readonly places?: readonly ('node' | 'pod')[];
}

async function look(
  { tables, namespaces }: SocketNode,
  { limit = 1000, isLate = false, places = ['node', 'pod'], ...filter }: Look = {},
): Promise<ServiceConnections> {
  const known = {
    node: { client: { kind: 'node', node: 'n1' }, protocols: ['TCP', 'UDP'] },
    pod: { client: { kind: 'pod', node: 'n1', pod: web }, protocols: ['TCP'] },
  } as const;
  const numbered = (number: number) => {
    const family = families.find((each) => numberOf[each] === number);
    return family && { number, ...backendOf(family) };
  };
  const pieces = socketConnections(
    {
      names,
      remembered: () => [
        connectedSockets(tables.connectedSockets),
        unconnectedSockets(tables.datagrams, numbered),
      ],
      places: () =>
        places.map((place) => ({ ...known[place], open: () => namespaces[place].duplicate() })),
    },
    filter,
    { limit, isLate: () => isLate },
  );
  const connections: ServiceConnection[] = [];
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return { connections, ...(value !== undefined && { cut: value }) };
    connections.push(...value);
  }
}

/** One line for each, without the client's port. */
function texts({ connections }: ServiceConnections): readonly string[] {
  return connections
    .map(({ client, service, frontend, backend, state }) =>
      [client.pod?.name ?? client.node ?? client.kind, client.address, service]
        .concat([frontend.address, `${backend.kind} ${backend.address}`, state])
        .join(' '),
    )
    .sort();
}

async function servedNode(context: Parameters<typeof serviceNode>[0]): Promise<SocketNode> {
  const made = await serviceNode(context);
  for (const family of families)
    for (const protocol of ['tcp', 'udp'] as const)
      setFrontend(
        made.tables,
        { ...cluster(family), protocol },
        setList(made.tables, family, [numberOf[family]], family),
      );
  return made;
}

async function connected(
  caller: SocketCaller,
  kind: 'tcp' | 'udp',
  family: 4 | 6,
): Promise<number> {
  const fd = await caller.open(kind, family);
  await caller.connect(fd, cluster(family));
  return fd;
}

rootTest('sockets of pods and of the node are shown until they are closed', async (context) => {
  const made = await servedNode(context);
  const { node, pod } = made;
  const open: (readonly [SocketCaller, number])[] = [];
  for (const family of families) {
    open.push([pod, await connected(pod, 'tcp', family)]);
    open.push([node, await connected(node, 'tcp', family)]);
    open.push([node, await connected(node, 'udp', family)]);
    const sender = await node.open('udp', family);
    await node.send(sender, cluster(family));
    await node.receive(sender);
    open.push([node, sender]);
  }
  const lines = families.flatMap((family) => {
    const { address: own } = backendOf(family);
    const to = `${clusterAddress[family]} ${family === 4 ? 'node' : 'world'} ${own}`;
    // A process of the node has the backend's own address, which is on the node's loopback interface.
    return [
      `client ${podAddress[family]} shop/tcp ${to} close-wait`,
      `n1 ${own} shop/tcp ${to} close-wait`,
      `n1 ${own} shop/udp ${to} connected`,
      `n1 ${family === 4 ? '0.0.0.0' : '::'} shop/udp ${to} unconnected`,
    ];
  });
  const whole = await look(made);
  assert.deepEqual([texts(whole), whole.cut], [[...lines].sort(), undefined]);
  const asked = async (filter: Look) => texts(await look(made, filter));
  assert.deepEqual(
    await asked({ service: 'udp' }),
    lines.filter((line) => line.includes('udp')).sort(),
  );
  assert.deepEqual(
    await asked({ pod: 'shop/client' }),
    lines.filter((line) => line.startsWith('client')).sort(),
  );
  assert.deepEqual(await asked({ pod: 'shop/other' }), []);
  for (const [caller, fd] of open) await caller.close(fd);
  assert.deepEqual(await look(made), { connections: [] });
});

rootTest('a socket in no namespace that is known has no client and no state', async (context) => {
  const made = await servedNode(context);
  await connected(made.pod, 'tcp', 4);
  const expected = `unknown  shop/tcp ${clusterAddress[4]} node ${backendOf(4).address} unknown`;
  assert.deepEqual(texts(await look(made, { places: ['node'] })), [expected]);
});

rootTest(
  'an IPv6 socket that is connected to an IPv4 Service has IPv4 addresses',
  async (context) => {
    const made = await servedNode(context);
    const fd = await made.pod.open('tcp', 6);
    await made.pod.connect(fd, { address: `::ffff:${clusterAddress[4]}`, port: 80 });
    const [text] = texts(await look(made));
    assert.match(text ?? '', new RegExp(`^client ${podAddress[4]} shop/tcp ${clusterAddress[4]} `));
  },
);

rootTest(
  'of many sockets no more than the limit are shown, and the answer says so',
  async (context) => {
    const made = await servedNode(context);
    const kept: number[] = [];
    for (let count = 0; count < 40; count++) kept.push(await connected(made.pod, 'tcp', 4));
    for (const [limit, shown, cut] of [
      [39, 39, 'limit'],
      [40, 40, undefined],
      [1, 1, 'limit'],
    ] as const) {
      const answer = await look(made, { limit });
      assert.deepEqual([answer.connections.length, answer.cut], [shown, cut]);
    }
    assert.equal((await look(made, { isLate: true })).cut, 'time');
    const ports = (await look(made)).connections.map(({ client }) => client.port);
    assert.equal(new Set(ports).size, 40);
    assert.ok(ports.every((port) => port !== undefined && port > 0));
    assert.equal((await look(made, { service: 'udp', limit: 1 })).connections.length, 0);
  },
);
