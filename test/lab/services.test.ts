// Services that Heddle translates: one test for each rule, with real connections from pods of both nodes and from outside.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { ServiceView } from '../../src/api/services.ts';
import { echoPod, eventuallyDefined, type TestLab, writeManifest } from '../support/lab.ts';
import { testProgram } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';
import {
  askFrom,
  serviceLab,
  serviceObjects,
  type TestService,
  type WhoOutcome,
  whoPod,
} from '../support/service-lab.ts';

const families = [4, 6] as const;
const protocols = ['tcp', 'udp'] as const;
const cluster = (end: number) => ({ 4: `10.96.0.${end}`, 6: `fd00:96::${end}` }) as const;
const at = {
  web: cluster(10),
  near: cluster(11),
  none: cluster(12),
  self: cluster(13),
  sticky: cluster(14),
};
const balancer = { 4: '198.18.0.20', 6: '2001:db8:9::20' } as const;
const world = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
const nodeOf = { 'web-1': 'node-1', 'web-2': 'node-2', 'client-1': 'node-1' } as const;

const ports = (nodePort?: number) =>
  protocols.map((name) => ({
    ...{ name, port: 80, protocol: name.toUpperCase() },
    ...(nodePort === undefined ? {} : { nodePort }),
  }));

function service(
  lab: TestLab,
  name: keyof typeof at,
  servers: readonly (keyof typeof nodeOf)[],
  fields: { readonly spec?: object; readonly status?: Record<string, unknown> } = {},
): readonly object[] {
  const { spec, ...rest } = fields;
  const made: TestService = {
    ...{ name, targetPort: 9000, ...rest },
    spec: { type: 'ClusterIP', clusterIPs: Object.values(at[name]), ports: ports(), ...spec },
    backends: servers.map((server) => {
      const pod = lab.pod(server);
      return { addresses: [lab.address(pod, 4), lab.address(pod, 6)], node: nodeOf[server] };
    }),
  };
  return serviceObjects(made);
}

const usual = (lab: TestLab, webs: readonly (keyof typeof nodeOf)[] = ['web-1', 'web-2']) => [
  ...service(lab, 'web', webs, {
    spec: {
      ...{ type: 'LoadBalancer', ports: ports(30_080) },
      loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:113::/64'],
    },
    status: { loadBalancer: { ingress: Object.values(balancer).map((ip) => ({ ip })) } },
  }),
  ...service(lab, 'near', ['web-2'], {
    spec: {
      ...{ type: 'NodePort', ports: ports(30_081) },
      ...{ internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
    },
  }),
  ...service(lab, 'none', []),
  ...service(lab, 'self', ['client-1']),
  ...service(lab, 'sticky', ['web-1', 'web-2'], { spec: { sessionAffinity: 'ClientIP' } }),
];

for (const mode of ['native', 'vxlan'] as const) {
  describe(`Services, ${mode}`, () => {
    const lab = serviceLab({
      mode,
      manifests: {
        'pods.yaml': [
          ...Object.entries(nodeOf).map(([name, node]) => whoPod(name, node, [9000])),
          echoPod('client-2', 'node-2'),
        ],
      },
      ranges: ['198.18.0.0/24', '10.96.0.0/16', '2001:db8:9::/64', 'fd00:96::/112'],
    });

    async function apply(objects: readonly object[]): Promise<void> {
      writeManifest(join(lab().source, 'services.yaml'), objects);
      await eventuallyDefined('the Services are applied', async () => {
        const places = ['client-1', 'client-2'];
        const target = [`tcp,80,${at.sticky[4]}`];
        const said = await Promise.all(places.map((place) => askFrom(lab(), place, target)));
        return said.flat().every((outcome) => typeof outcome === 'object') || undefined;
      });
    }

    /** Returns once node-1's agent has read it. */
    async function replaced(webs: readonly (keyof typeof nodeOf)[]): Promise<void> {
      writeManifest(join(lab().source, 'services.yaml'), usual(lab(), webs));
      await eventuallyDefined('the agent has read it', async () => {
        const [view] = await lab().ask<readonly ServiceView[]>(
          'node-1',
          '/v1/services?name=shop/web',
        );
        const found = view?.ports.flatMap(({ backends }) => backends.map(({ address }) => address));
        const own = webs.flatMap((web) => lab().pod(web).addresses as readonly string[]);
        return found?.every((address) => own.includes(address)) || undefined;
      });
    }

    const asked = async (place: string, targets: readonly string[]): Promise<readonly string[]> =>
      unique(await askFrom(lab(), place, targets));

    rootTest('pods of both nodes reach every backend, which sees the pod', async () => {
      await apply(usual(lab()));
      for (const place of ['client-1', 'client-2'])
        for (const family of families)
          for (const protocol of protocols) {
            const said = await asked(place, times(16, `${protocol},80,${at.web[family]}`));
            const peer = lab().address(lab().pod(place), family);
            assert.deepEqual(said, [`web-1 9000 saw ${peer}`, `web-2 9000 saw ${peer}`]);
          }
    });

    rootTest('without a backend, and at another port, clients are refused', async () => {
      const targets = families.flatMap((family) =>
        protocols.flatMap((protocol) => [
          `${protocol},80,${at.none[family]}`,
          `${protocol},81,${at.web[family]}`,
        ]),
      );
      for (const place of ['client-1', 'client-2', 'world']) {
        const said = await askFrom(lab(), place, targets);
        const others = targets.filter((_, index) => said[index] !== 'refused');
        assert.deepEqual(others, [], `${place}: ${JSON.stringify(said)}`);
      }
    });

    // It makes the kernel send a redirect over IPv4, which counts against the pod's ICMP errors for a second.
    rootTest('a pod reaches itself', async () => {
      for (const family of families)
        for (const protocol of protocols) {
          const said = await asked('client-1', [`${protocol},80,${at.self[family]}`]);
          // TCP never leaves the pod.
          const seen = protocol === 'tcp' ? lab().pod('client-1') : lab().node('node-1');
          assert.deepEqual(said, [`client-1 9000 saw ${lab().address(seen, family)}`]);
        }
    });

    rootTest('policy Local has backends of the own node alone', async () => {
      const targets = families.flatMap((family) =>
        protocols.map((protocol) => `${protocol},80,${at.near[family]}`),
      );
      assert.deepEqual(await asked('client-1', targets), ['silence']);
      const { drops } = await lab().status('node-1');
      assert(JSON.stringify(drops).includes('no local backend'));
      const said = await askFrom(lab(), 'client-2', targets);
      assert(said.every((outcome) => typeof outcome === 'object' && outcome.by === 'web-2 9000'));
    });

    rootTest(
      'node ports are open to pods and the world; policy Cluster hides the client',
      async () => {
        for (const family of families) {
          const nodes = ['node-1', 'node-2'].map((name) => lab().address(lab().node(name), family));
          for (const [index, node] of nodes.entries())
            for (const protocol of protocols) {
              const target = `${protocol},30080,${node}`;
              const said = await askFrom(lab(), 'world', times(16, target));
              assert.deepEqual(unique(said.map(byOf)), ['web-1 9000', 'web-2 9000']);
              const isHidden = said.every(
                (outcome) => typeof outcome === 'object' && outcome.peer !== world[family],
              );
              assert(isHidden, `${target}: ${JSON.stringify(said)}`);
              const local = await asked('world', [`${protocol},30081,${node}`]);
              assert.deepEqual(local, [
                index === 0 ? 'silence' : `web-2 9000 saw ${world[family]}`,
              ]);
              const pods = await asked('client-1', times(8, `${protocol},30081,${node}`));
              // A pod's own node gives it every backend; another node takes it for the outside.
              assert(index === 1 || pods.every((text) => text.startsWith('web-2 9000')), `${pods}`);
            }
        }
      },
    );

    rootTest("a load balancer's address is open to its source ranges alone", async () => {
      const targets = families.flatMap((family) =>
        protocols.map((protocol) => `${protocol},80,${balancer[family]}`),
      );
      const said = await askFrom(lab(), 'world', targets);
      assert(
        said.every((outcome) => typeof outcome === 'object'),
        JSON.stringify(said),
      );
      assert.deepEqual(await asked('client-1', targets), ['silence']);
    });

    rootTest('a client keeps its backend with session affinity', async () => {
      for (const family of families)
        for (const place of ['client-1', 'client-2'])
          assert.equal((await asked(place, times(16, `tcp,80,${at.sticky[family]}`))).length, 1);
    });

    rootTest('connection tracking shows the Service and the backend', async () => {
      await askFrom(lab(), 'client-1', [`udp,80,${at.web[4]}`]);
      const { stdout } = await lab().inNode('node-1', [
        ...['conntrack', '-L', '-d', at.web[4], '-m', '0x48000000/0xff000000'],
      ]);
      assert.match(stdout, /dst=10\.96\.0\.10 sport=\d+ dport=80 .*sport=9000/);
    });

    rootTest(
      'a UDP flow leaves a backend that is gone within a second, TCP loses nothing',
      async () => {
        await apply(usual(lab()));
        const keeping = families.flatMap((family) =>
          protocols.map((protocol) => keep(lab(), 6, `${protocol},80,${at.web[family]}`)),
        );
        await new Promise((resolve) => setTimeout(resolve, 2500));
        await replaced(['web-2']);
        const goneMs = Date.now();
        for (const [index, kept] of (await Promise.all(keeping)).entries()) {
          const late = kept.filter(({ atMs }) => atMs > goneMs + 1000);
          assert(late.length > 20, `${late.length} questions after the change`);
          assert.deepEqual(unique(late.map(({ outcome }) => byOf(outcome))), ['web-2 9000']);
          const isTcp = index % 2 === 0;
          if (isTcp) assert(kept.every(({ outcome }) => typeof outcome === 'object'));
        }
      },
    );

    rootTest(
      'a process of the node hears that its backend is gone, and of no other change',
      async () => {
        await apply(usual(lab()));
        const asked = families.map((family) =>
          keep(lab(), 6, `udp,80,${at.web[family]}`, 'node-1'),
        );
        const self = families.map((family) =>
          keep(lab(), 6, `udp,80,${at.self[family]}`, 'node-1'),
        );
        await new Promise((resolve) => setTimeout(resolve, 2000));
        await replaced(['web-2']);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await replaced(['web-1']);
        const goneMs = Date.now();
        for (const kept of await Promise.all(asked)) {
          const late = kept.filter(({ atMs }) => atMs > goneMs + 1000);
          // Whichever backend it had: it went once. Nobody answers a socket that was destroyed.
          assert(late.length > 2, `${late.length} questions after the change`);
          assert.deepEqual(
            late.filter(({ outcome }) => typeof outcome === 'object'),
            [],
          );
        }
        for (const kept of await Promise.all(self))
          assert(kept.every(({ outcome }) => typeof outcome === 'object'));
      },
    );

    rootTest('backends come and go, and the agent is killed: no client notices', async () => {
      await apply(usual(lab()));
      const keeping = families.flatMap((family) =>
        protocols.map((protocol) => keep(lab(), 8, `${protocol},80,${at.web[family]}`)),
      );
      const webs = [['web-1'], ['web-1', 'web-2'], ['web-2'], ['web-1', 'web-2']] as const;
      for (let round = 0; round < 12; round++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        const backends = webs[round % webs.length] ?? [];
        writeManifest(join(lab().source, 'services.yaml'), usual(lab(), backends));
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { pid } = await lab().status('node-1');
      lab().lab.agent('node-1').signal('SIGKILL');
      const after = await eventuallyDefined('the next agent is ready', async () => {
        const status = await lab()
          .status('node-1')
          .catch(() => undefined);
        return status?.pid !== pid && status?.start.readyMs !== undefined ? status : undefined;
      });
      const written = after.tables.filter(({ writes }) => writes.set + writes.deleted > 0);
      // Backends without a list stay for a while, but no agent knows them from the one before it.
      const names = written
        .map(({ name }) => name)
        .filter((name) => name !== 'service-translation');
      assert.deepEqual(names, []);
      for (const kept of await Promise.all(keeping)) {
        assert(kept.length > 100, `${kept.length} questions`);
        const others = kept.filter(({ outcome }) => typeof outcome !== 'object');
        assert.deepEqual(others, [], `of ${kept.length}`);
      }
    });
  });
}

function times(count: number, target: string): readonly string[] {
  return Array.from({ length: count }, () => target);
}

function byOf(outcome: WhoOutcome): string {
  return typeof outcome === 'object' ? outcome.by : outcome;
}

function unique(outcomes: readonly (WhoOutcome | string)[]): readonly string[] {
  const texts = outcomes.map((outcome) =>
    typeof outcome === 'string' ? outcome : `${outcome.by} saw ${outcome.peer}`,
  );
  return [...new Set(texts)].sort();
}

interface Kept {
  readonly atMs: number;
  readonly outcome: WhoOutcome;
}

async function keep(
  lab: TestLab,
  seconds: number,
  target: string,
  place = 'client-1',
): Promise<readonly Kept[]> {
  const command = [...testProgram('who'), 'keep', `${seconds}`, target];
  const { stdout } = await (place === 'node-1'
    ? lab.inNode(place, command)
    : lab.inPod(place, command));
  return JSON.parse(stdout) as readonly Kept[];
}
