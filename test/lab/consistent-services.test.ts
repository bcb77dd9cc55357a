// Flows from outside that move from one node to another, which has not seen them: with consistent selection each keeps its
// backend.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import { echoPod, eventuallyDefined, writeManifest } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';
import { askFrom, serviceLab, serviceObjects, whoPod } from '../support/service-lab.ts';

const servers = ['web-1', 'web-2', 'web-3', 'web-4'] as const;
const nodeOf = (server: string): string => (/[13]$/.test(server) ? 'node-1' : 'node-2');
const ranges = ['198.18.0.0/24', '2001:db8:9::/64'] as const;
const addresses = {
  maglev: ['198.18.0.20', '2001:db8:9::20'],
  random: ['198.18.0.21', '2001:db8:9::21'],
} as const;
const clusterAddresses = {
  maglev: ['10.96.0.20', 'fd00:96::20'],
  random: ['10.96.0.21', 'fd00:96::21'],
} as const;
const flowsEach = 16;

describe('Services with consistent selection', () => {
  const lab = serviceLab({
    mode: 'native',
    manifests: {
      'pods.yaml': [
        ...servers.map((name) => whoPod(name, nodeOf(name), [9000])),
        echoPod('client', 'node-1'),
      ],
    },
    ranges,
  });

  const service = (name: 'maglev' | 'random', used: readonly string[] = servers) =>
    serviceObjects({
      ...{ name, targetPort: 9000 },
      annotations: { 'service.heddle.dev/selection': name },
      spec: {
        ...{ type: 'LoadBalancer', clusterIPs: clusterAddresses[name] },
        ports: ['TCP', 'UDP'].map((protocol) => ({ name: protocol, port: 80, protocol })),
      },
      status: { loadBalancer: { ingress: addresses[name].map((ip) => ({ ip })) } },
      backends: used.map((server) => {
        const pod = lab().pod(server);
        return { addresses: [lab().address(pod, 4), lab().address(pod, 6)], node: nodeOf(server) };
      }),
    });

  async function enterBy(node: string): Promise<void> {
    const commands = ranges.map((range) => {
      const via = lab().address(lab().node(node), range.includes(':') ? 6 : 4);
      return `ip route replace ${range} via ${via}`;
    });
    const { exitCode, stderr } = await lab().inNode('switch', ['sh', '-ec', commands.join('\n')]);
    assert.equal(exitCode, 0, stderr);
  }

  /** Who answers each flow: the client's ports are the same each time. */
  async function answers(name: 'maglev' | 'random'): Promise<readonly string[]> {
    const targets = addresses[name].flatMap((address) =>
      ['tcp', 'udp'].flatMap((protocol) =>
        Array.from(
          { length: flowsEach },
          (_, flow) => `${protocol},80,${address},${21_000 + flow}`,
        ),
      ),
    );
    const said = await askFrom(lab(), 'world', targets);
    return said.map((outcome) => (typeof outcome === 'object' ? outcome.by : outcome));
  }

  // From other ports each time: what comes before the Service leaves a connection that is never translated.
  const served = (node: string, name: 'maglev' | 'random') =>
    eventuallyDefined(`${node} serves ${name}`, async () => {
      await enterBy(node);
      const targets = addresses[name].flatMap((address) =>
        ['tcp', 'udp'].map((protocol) => `${protocol},80,${address}`),
      );
      const said = await askFrom(lab(), 'world', targets);
      return said.every((outcome) => typeof outcome === 'object') || undefined;
    });

  rootTest('a flow that enters by another node keeps its backend', async () => {
    writeManifest(join(lab().source, 'services.yaml'), [
      ...service('maglev'),
      ...service('random'),
    ]);
    for (const name of ['maglev', 'random'] as const)
      for (const node of ['node-2', 'node-1']) await served(node, name);
    const first = { maglev: await answers('maglev'), random: await answers('random') };
    await enterBy('node-2');
    const second = { maglev: await answers('maglev'), random: await answers('random') };
    assert.deepEqual(second.maglev, first.maglev);
    assert.equal(new Set(first.maglev).size, servers.length, 'all backends are used');
    assert.notDeepEqual(second.random, first.random, 'by chance, flows do move');
  });

  rootTest('when a backend is gone, the flows of the others keep theirs', async () => {
    await enterBy('node-1');
    const before = await answers('maglev');
    writeManifest(join(lab().source, 'services.yaml'), service('maglev', servers.slice(1)));
    for (const node of ['node-1', 'node-2'])
      await eventuallyDefined(`${node} has read it`, async () => {
        await enterBy(node);
        return (await answers('maglev')).every((by) => !by.startsWith('web-1')) || undefined;
      });
    const after = await answers('maglev');
    const moved = before.filter((by, flow) => !by.startsWith('web-1') && by !== after[flow]);
    assert.ok(moved.length <= 2, `${moved.length} of ${before.length} flows moved`);
  });

  rootTest(
    'pods reach it by their sockets, and a wrong annotation keeps the last good state',
    async () => {
      const [address] = clusterAddresses.maglev;
      const said = await askFrom(lab(), 'client', [`tcp,80,${address}`]);
      assert.ok(typeof said[0] === 'object', JSON.stringify(said));
      const objects = JSON.stringify(service('maglev')).replace(
        'selection":"maglev"',
        'selection":"best"',
      );
      writeManifest(join(lab().source, 'services.yaml'), JSON.parse(objects) as object[]);
      const text = await eventuallyDefined('the annotation is named', async () => {
        const { cluster, health } = await lab().status('node-1');
        return [...cluster.problems.map((each) => each.text), ...health.reasons].find((each) =>
          each.includes('service.heddle.dev/selection'),
        );
      });
      assert.match(
        text,
        /Service shop\/maglev: .*service\.heddle\.dev\/selection.*best is not a way of selection \(random, maglev\)/,
      );
      const good = await answers('maglev');
      assert.deepEqual(
        good.filter((by) => !by.endsWith('9000')),
        [],
        JSON.stringify(good),
      );
    },
  );
});
