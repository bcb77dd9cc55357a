// A pod's interface leaves the node in two steps: at once no packet passes and its names are free; later it is deleted.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { listAddresses } from '../../src/kernel/netlink/address.ts';
import { linkByName, listLinks } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { EndpointId } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parseMac } from '../../src/net/mac.ts';
import { gatewayMac } from '../../src/pods/interface/gateway.ts';
import { VethWiring } from '../../src/pods/interface/veth-wiring.ts';
import type { EndpointReservation } from '../../src/pods/records/record.ts';
import { hostIfNameOf } from '../../src/pods/records/record.ts';
import { podNamespace } from '../support/agent-process.ts';
import { waitUntil } from '../support/cni-node.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

interface Node {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly network: VethWiring;
  restart(): VethWiring;
  names(): readonly string[];
}

function makeNode(context: TestContext): Node {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  const start = (): VethWiring => {
    const network = new VethWiring(namespace.duplicate(), { removeLater: true });
    context.after(() => network[Symbol.dispose]());
    return network;
  };
  context.after(() => socket[Symbol.dispose]());
  const names = (): readonly string[] => listLinks(socket).map(({ name }) => name);
  return { namespace, socket, network: start(), restart: start, names };
}

interface TestPod {
  readonly namespace: NetworkNamespace;
  readonly record: EndpointReservation;
}

async function wirePod(context: TestContext, { network }: Node, number = 1): Promise<TestPod> {
  const pod = podNamespace(context);
  const record = reservationOf(pod, number);
  await wire(network, record);
  return { namespace: pod.namespace, record };
}

function reservationOf(pod: { readonly path: string }, number: number): EndpointReservation {
  const attachment = { containerId: `container-${number}`, ifName: 'eth0' };
  return {
    ...attachment,
    id: number as EndpointId,
    namespacePath: pod.path,
    hostIfName: hostIfNameOf(attachment),
    mac: parseMac(`02:00:5e:10:00:${String(number).padStart(2, '0')}`),
    addresses: [parseAddress(`10.201.1.${number}`), parseAddress(`fd00:201:1::${number}`)],
    mtuBytes: 1450,
    createdAt: '2026-11-21T12:00:00.000Z',
  };
}

async function wire(network: VethWiring, record: EndpointReservation): Promise<void> {
  using open = network.open(record.namespacePath);
  await open.wire(record);
}

rootTest(
  'a removed interface passes nothing and frees its names immediately, and is deleted soon',
  async (context) => {
    const node = makeNode(context);
    const { namespace, record } = await wirePod(context, node);
    using pod = NetlinkSocket.open({ namespace });
    const host = linkByName(node.socket, record.hostIfName) ?? assert.fail();
    await node.network.unwire(record.hostIfName, record);
    const doomed = `hdx${host.ifIndex}`;
    assert.deepEqual(node.names(), ['lo', doomed]);
    for (const socket of [node.socket, pod]) {
      assert.equal(linkByName(socket, doomed)?.up, false);
      assert.deepEqual(
        listAddresses(socket).filter(({ ifIndex }) => ifIndex !== 1),
        [],
      );
    }
    assert.equal(runIn(namespace, 'ip', 'route'), '');
    assert.equal(runIn(namespace, 'ip', '-6', 'route'), '');
    // The same attachment again, while the old one is still there.
    await wire(node.network, record);
    assert.equal(linkByName(pod, 'eth0')?.up, true);
    await waitUntil(() => !node.names().includes(doomed));
    assert.deepEqual(node.names(), ['lo', record.hostIfName]);
    assert.equal(linkByName(pod, doomed), undefined);
  },
);

rootTest(
  'many interfaces removed at the same time are deleted together, and no others',
  async (context) => {
    const node = makeNode(context);
    runIn(node.namespace, 'ip', 'link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'end');
    const pods = await Promise.all(
      Array.from({ length: 30 }, (_, index) => wirePod(context, node, index + 1)),
    );
    const now = pods.slice(0, 15);
    const soon = pods.slice(15);
    // Without its record it cannot be found in its pod, so there is no notification before it is deleted.
    await Promise.all(now.map(({ record }) => node.network.unwire(record.hostIfName)));
    const stay = soon.map(({ record }) => record.hostIfName);
    assert.deepEqual(node.names().toSorted(), ['lo', 'other', 'end', ...stay].toSorted());
    await Promise.all(soon.map(({ record }) => node.network.unwire(record.hostIfName, record)));
    await waitUntil(() => node.names().length === 3);
  },
);

const unfindable: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'renamed', command: 'ip link set eth0 down; ip link set eth0 name mine' },
  { name: 'of another MAC', command: 'ip link set eth0 address 02:00:5e:10:00:99' },
  {
    name: "another process's by now",
    command: 'ip link del eth0; ip link add eth0 type veth peer name end',
  },
];

for (const { name, command } of unfindable) {
  rootTest(
    `an interface that is ${name} in the pod is deleted before this is reported`,
    async (context) => {
      const node = makeNode(context);
      const { namespace, record } = await wirePod(context, node);
      runIn(namespace, 'sh', '-c', command);
      const others = runIn(namespace, 'sh', '-c', 'ip -o link show end 2>/dev/null || true');
      await node.network.unwire(record.hostIfName, record);
      assert.deepEqual(node.names(), ['lo']);
      assert.equal(runIn(namespace, 'sh', '-c', 'ip -o link show end 2>/dev/null || true'), others);
    },
  );
}

rootTest(
  'an interface whose namespace has lost its path is deleted before this is reported',
  async (context) => {
    const node = makeNode(context);
    const { record } = await wirePod(context, node);
    await node.network.unwire(record.hostIfName, {
      ...record,
      namespacePath: '/run/netns/no-such',
    });
    assert.deepEqual(node.names(), ['lo']);
  },
);

rootTest(
  'an interface whose removal an agent did not survive is deleted by the next, by name and MAC',
  async (context) => {
    const node = makeNode(context);
    const { record } = await wirePod(context, node);
    for (const line of [
      `link set ${record.hostIfName} name hdx77 down`,
      // Like ours except for the MAC; like ours except for the name.
      'link add hdx78 type veth peer name end1',
      `link add kept address ${gatewayMac} type veth peer name end2`,
    ]) {
      runIn(node.namespace, 'ip', ...line.split(' '));
    }
    node.network[Symbol.dispose]();
    node.restart();
    await waitUntil(() => !node.names().includes('hdx77'));
    assert.deepEqual(node.names().toSorted(), ['end1', 'end2', 'hdx78', 'kept', 'lo']);
  },
);

rootTest('a DEL during which the agent died leaves the name free', async (context) => {
  const node = makeNode(context);
  const { namespace, record } = await wirePod(context, node);
  const { ifIndex } = linkByName(node.socket, record.hostIfName) ?? assert.fail();
  using pod = NetlinkSocket.open({ namespace });
  // The first half.
  runIn(node.namespace, 'ip', 'link', 'set', record.hostIfName, 'name', `hdx${ifIndex}`, 'down');
  await node.restart().unwire(record.hostIfName, { ...record, hostIfIndex: ifIndex });
  assert.deepEqual([node.names(), linkByName(pod, 'eth0')], [['lo'], undefined]);
});

rootTest('an interface that is renamed during its creation does not stay', async (context) => {
  const { namespace, names } = makeNode(context);
  // By a udev rule, for example. Operations by name fail then.
  const rename = (): void => {
    const [, made = ''] = names();
    assert.match(made, /^hd/);
    runIn(namespace, 'ip', 'link', 'set', made, 'name', 'ens5');
    throw new Error('its files are gone');
  };
  using network = new VethWiring(namespace.duplicate(), { onMade: rename });
  const record = reservationOf(podNamespace(context), 1);
  await assert.rejects(wire(network, record), /its files are gone/);
  assert.deepEqual(names(), ['lo']);
});
