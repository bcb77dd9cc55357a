// Many short connections from outside to node ports, whose source ports come again: nothing is refused or misdirected,
// also while the Service changes and the agent is killed.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { UndoStack } from '../../src/base/undo.ts';
import { maps, type ServiceKey, type Slot } from '../../src/datapath/generated.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePort } from '../../src/net/port.ts';
import { eventuallyDefined, writeManifest } from '../support/lab.ts';
import { testProgram } from '../support/lab-traffic.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { askFrom, serviceLab, serviceObjects } from '../support/service-lab.ts';
import {
  assertOnly,
  connectionsIn,
  stormFromWorld,
  stormPod,
  stormPort,
  whoPort,
} from '../support/storm.ts';

const nodeOf = { a: 'node-1', b: 'node-2', c: 'node-1' } as const;
type Server = keyof typeof nodeOf;
const families = [4, 6] as const;
const nodePorts = {
  spread: 30_080,
  kept: 30_081,
  one: 30_082,
  same: 30_083,
  hidden: 30_084,
  alike: 30_085,
  none: 30_090,
};
type ServiceName = keyof typeof nodePorts;

describe('Storms at node ports', () => {
  const lab = serviceLab({
    manifests: { 'pods.yaml': Object.entries(nodeOf).map(([name, node]) => stormPod(name, node)) },
    ranges: [],
  });
  const address = (name: Server | 'node-1', family: 4 | 6): string =>
    lab().address(name === 'node-1' ? lab().node(name) : lab().pod(name), family);

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    write({});
    await eventuallyDefined('all Services are there', async () => {
      const ports = Object.values(nodePorts).slice(0, -1);
      const targets = ports.flatMap((port) =>
        families.map((family) => `udp,${port},${address('node-1', family)}`),
      );
      const said = await askFrom(lab(), 'world', targets);
      return said.every((outcome) => typeof outcome === 'object') || undefined;
    });
  });

  rootTest('60,000 connections from a thousand ports: none is refused', async () => {
    const storms = Array.from({ length: 8 }, (_, index) =>
      stormFromWorld(lab(), {
        ...{ address: address('node-1', 4), port: nodePorts.spread, connections: 7_500 },
        ...{ seconds: 120, firstPort: 20_000 + 125 * index, ports: 125 },
      }),
    );
    for (const counts of await Promise.all(storms)) {
      assertOnly(counts, 'abc');
      assert.equal(connectionsIn(counts), 7_500);
    }
  });

  rootTest('one backend behind several node ports answers the same source ports', async () => {
    for (const names of [
      ['one', 'same'],
      ['hidden', 'alike'],
    ] as const)
      for (const family of families) {
        const all = names.map((name) =>
          stormFromWorld(lab(), {
            ...{ address: address('node-1', family), port: nodePorts[name] },
            ...{ connections: 1_500, seconds: 60, firstPort: 22_000, ports: 20 },
          }),
        );
        for (const counts of await Promise.all(all)) {
          assertOnly(counts, 'a');
          assert.equal(connectionsIn(counts), 1_500);
        }
      }
  });

  rootTest('a source port that is also a node port gets its answers', async () => {
    const node = address('node-1', 4);
    const ports = [nodePorts.spread, nodePorts.one, nodePorts.none];
    const targets = ports.map((from) => `udp,${nodePorts.hidden},${node},${from}`);
    for (const outcome of await askFrom(lab(), 'world', targets))
      assert(typeof outcome === 'object' && outcome.peer === node, JSON.stringify(outcome));
    for (const firstPort of ports) {
      const to = { address: node, port: nodePorts.hidden, connections: 50, seconds: 60 };
      assertOnly(await stormFromWorld(lab(), { ...to, firstPort, ports: 1 }), 'a');
    }
    // The other way: a pod and the node ask the world, which sees the node's address, and of the node such a port.
    const serve = ['timeout', '8', ...testProgram('who'), 'serve', 'world', '9100', '9101'];
    const server = lab().inNode('world', serve);
    for (const [index, place] of (['a', 'node-1'] as const).entries())
      for (const protocol of ['tcp', 'udp'])
        for (const from of ports) {
          const target = `${protocol},${9_100 + index},203.0.113.10,${from}`;
          const outcome = await eventuallyDefined('the world listens', async () => {
            const [said] = await askFrom(lab(), place, [target]);
            return said === 'refused' ? undefined : said;
          });
          assert(typeof outcome === 'object', `${place} ${target}: ${JSON.stringify(outcome)}`);
          assert.equal(outcome.peer, node);
          // Masquerading gives a pod's connection a random port.
          if (place === 'node-1') assert.equal(outcome.peerPort, from);
        }
    await server;
  });

  rootTest('a Service that is replaced 10,000 times is never half-written', async () => {
    using opened = new UndoStack();
    const open = <K, V>(spec: Parameters<typeof BpfMap.openPinned<K, V>>[1]): BpfMap<K, V> =>
      opened.use(BpfMap.openPinned(describePins(lab().node('node-1').pins).map(spec.name), spec));
    const [frontends, slots] = [open(maps.frontends), open(maps.slots)];
    const key: ServiceKey = {
      ...{ address: parseAddress('0.0.0.0'), port: parsePort(nodePorts.kept), protocol: 6 },
    };
    const entry = frontends.get(key);
    assert(entry !== undefined);
    const { list, count } = entry.outside;
    const all = Array.from({ length: count }, (_, index) => slots.get({ list, index }));
    const backends = all.filter((slot): slot is Slot => slot !== undefined);
    assert.equal(backends.length, 2);
    const storms = [0, 1].map((index) =>
      stormFromWorld(lab(), {
        ...{ address: address('node-1', 4), port: nodePorts.kept },
        ...{ seconds: 8, firstPort: 24_000 + 500 * index, ports: 500 },
      }),
    );
    const until = Date.now() + 8_000;
    let turn = 0;
    while (turn < 10_000 || Date.now() < until) {
      turn += 1;
      const own = 2 ** 31 + turn;
      // A list of one, the other one, and both, so that elements of the map change their owner and their place.
      const chosen = [backends.slice(0, 1), backends.slice(1), backends][turn % 3] ?? [];
      for (const [index, slot] of chosen.entries())
        slots.set({ list: own, index }, { ...slot, list: own });
      frontends.set(key, {
        ...entry,
        outside: { ...entry.outside, list: own, count: chosen.length },
      });
      for (const index of [0, 1]) slots.delete({ list: own - 1, index });
      if (turn % 15 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    frontends.set(key, entry);
    for (const index of [0, 1]) slots.delete({ list: 2 ** 31 + turn, index });
    for (const counts of await Promise.all(storms)) {
      assertOnly(counts, 'ac');
      assert(connectionsIn(counts) > 500, JSON.stringify(counts));
    }
  });

  rootTest(
    'rolling updates and a killed agent lose no connection, under both policies',
    async () => {
      const storms = families.flatMap((family) =>
        (['spread', 'kept'] as const).map((name, index) =>
          stormFromWorld(lab(), {
            ...{ address: address('node-1', family), port: nodePorts[name] },
            ...{ seconds: 10, firstPort: 26_000 + 500 * index, ports: 500 },
          }),
        ),
      );
      // One backend after the other shuts down, still serving, and is gone; another one takes its place before.
      const steps: readonly Stage[] = [
        { a: 'ready' },
        { a: 'ready', c: 'ready' },
        { a: 'ending', c: 'ready' },
        { c: 'ready' },
        { b: 'ready', c: 'ready' },
        { a: 'ready', b: 'ready', c: 'ending' },
        { a: 'ready', c: 'ending' },
        { a: 'ending' },
        {},
      ];
      for (let round = 0; round < 2 * steps.length; round++) {
        write(steps[round % steps.length] ?? {});
        if (round % steps.length === 4) lab().lab.agent('node-1').signal('SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      for (const counts of await Promise.all(storms)) {
        const failed = Object.keys(counts).filter((name) => !(name in nodeOf));
        assert.deepEqual(failed, [], JSON.stringify(counts));
        assert(connectionsIn(counts) > 500, JSON.stringify(counts));
      }
    },
  );

  /** Of `spread` and `kept`; without any, all servers are ready. */
  type Stage = Partial<Record<Server, 'ready' | 'ending'>>;

  function write(stage: Stage): void {
    const all = Object.keys(stage).length === 0 ? readyAll : stage;
    const only: Stage = { a: 'ready' };
    writeManifest(join(lab().source, 'services.yaml'), [
      ...service('spread', 'Cluster', all),
      ...service('kept', 'Local', all),
      ...[...service('one', 'Local', only), ...service('same', 'Local', only)],
      ...[...service('hidden', 'Cluster', only), ...service('alike', 'Cluster', only)],
      ...service('none', 'Cluster', {}),
    ]);
  }

  // A Service for each protocol: their servers' ports differ.
  function service(name: ServiceName, policy: string, stage: Stage): readonly object[] {
    const at = Object.keys(nodePorts).indexOf(name) + 1;
    return (['TCP', 'UDP'] as const).flatMap((protocol, index) =>
      serviceObjects({
        name: `${name}-${protocol.toLowerCase()}`,
        spec: {
          ...{ type: 'NodePort', externalTrafficPolicy: policy },
          clusterIPs: [`10.96.${index}.${at}`, `fd00:96::${index}:${at}`],
          ports: [{ port: 80, protocol, nodePort: nodePorts[name] }],
        },
        backends: (Object.keys(stage) as Server[]).map((server) => ({
          addresses: [address(server, 4), address(server, 6)],
          node: nodeOf[server],
          conditions:
            stage[server] === 'ready'
              ? { ready: true }
              : { ready: false, serving: true, terminating: true },
        })),
        targetPort: protocol === 'TCP' ? stormPort : whoPort,
      }),
    );
  }
});

const readyAll = { a: 'ready', b: 'ready', c: 'ready' } as const;
