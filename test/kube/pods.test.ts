// What a pod may ask for, and every way in which pods come and go.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { urlHost } from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { endpointsOf, held, podsOf } from './agents.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { worldAddresses } from './cluster/fabric.ts';
import { toolImage } from './cluster/images.ts';
import { answers, fromPlace, fromPod, sameFamily } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { type ReadyPod, readyPods } from './workloads.ts';

const nodes = ['node-1', 'node-2'] as const;
const hostPort = 18080;
const megabitsPerSecond = 20;

/** `podtool serve`, label `app: pods`. */
function pod(name: string, more: PodWords = {}): object {
  const { annotations = {}, container = {}, labels = {}, ...spec } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, annotations, labels: { app: 'pods', ...labels } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ ...tool, readinessProbe: ready, ...container }],
      ...spec,
    },
  };
}

interface PodWords {
  readonly annotations?: object;
  readonly labels?: object;
  readonly container?: object;
  readonly [field: string]: unknown;
}

const tool = { name: 'web', image: toolImage, imagePullPolicy: 'Never' };
const ready = { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 };

describe('pods of a cluster', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let atFirst: readonly object[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    atFirst = await Promise.all(nodes.map((node) => held(cluster, node)));
    const limit = `${megabitsPerSecond}M`;
    await cluster.api.apply([
      pod('plain-1', { nodeName: 'node-1' }),
      pod('plain-2', { nodeName: 'node-2' }),
      pod('host-port', {
        nodeName: 'node-1',
        container: { ports: [{ containerPort: 8080, hostPort }] },
      }),
      pod('limited', {
        nodeName: 'node-1',
        annotations: {
          'kubernetes.io/ingress-bandwidth': limit,
          'kubernetes.io/egress-bandwidth': limit,
        },
      }),
      pod('named', {
        nodeName: 'node-1',
        hostname: 'first',
        subdomain: 'inner',
        labels: { set: 'inner' },
      }),
      headless('inner', { set: 'inner' }),
      statefulSet,
    ]);
    await cluster.api.waitFor('the pods are Ready', async () => (await all()).length === 6);
  });
  after(async () => {
    await cluster?.api.kubectl(
      ...['delete', 'statefulset,job,pod,service', '-l', 'app=pods', '--cascade=foreground'],
    );
  });

  const all = (): Promise<readonly ReadyPod[]> => readyPods(cluster, 'app=pods');

  async function find(name: string): Promise<ReadyPod> {
    const found = (await all()).find((each) => each.name === name);
    assert(found !== undefined, `${name} is not Ready`);
    return found;
  }

  /** What is said at an address and a port, asked from a node, the world or a pod. */
  async function says(where: string, address: string, port = 8080): Promise<string> {
    const url = `http://${urlHost(address)}:${port}/`;
    const isPlace = where === 'world' || where.startsWith('node-');
    const asker = isPlace ? fromPlace(cluster, where) : fromPod(cluster, where);
    return (await answers(asker, [url])).get(url) ?? '';
  }

  rootTest('a host port leads to its pod, from everywhere and in both families', async () => {
    for (const address of cluster.nodes.record('node-1').addresses) {
      for (const where of ['world', 'node-1', 'node-2', 'plain-1', 'plain-2', 'host-port']) {
        const said = await says(where, address, hostPort);
        assert.match(said, /^host-port saw /, `${where} at ${address}`);
        if (where !== 'world') continue;
        assert.equal(said, `host-port saw ${sameFamily(worldAddresses, address)}`);
      }
      const elsewhere = sameFamily(cluster.nodes.record('node-2').addresses, address);
      assert.match(await says('world', elsewhere, hostPort), /no answer$/);
    }
  });

  rootTest('a host port ends with its pod', async () => {
    await cluster.api.kubectl('delete', 'pod', 'host-port');
    for (const address of cluster.nodes.record('node-1').addresses)
      assert.match(await says('world', address, hostPort), /curl: \(7\)/);
  });

  rootTest("the annotations' bandwidth applies in both directions", async () => {
    const [limited, plain] = [await find('limited'), await find('plain-2')];
    for (const [from, to] of [
      [limited, plain],
      [plain, limited],
    ] as const) {
      const [address] = to.addresses;
      const rate = await rateOf(from.name, `http://${address}:8080/bytes`);
      const share = rate / (megabitsPerSecond * 1_000_000);
      const text = `${to.name} to ${from.name}: ${(share * 100).toFixed(0)} % of the limit`;
      assert.ok(share > 0.85 && share < 1.1, text);
    }
  });

  rootTest('spec.hostname and spec.subdomain name the pod, in it and in DNS', async () => {
    const { addresses } = await find('named');
    assert.equal((await cluster.api.exec('named', ['hostname'])).stdout, 'first\n');
    const hosts = (await cluster.api.exec('named', ['cat', '/etc/hosts'])).stdout;
    assert.match(hosts, /\tfirst\.inner\.default\.svc\.cluster\.local\tfirst/);
    const [server] = (await readyPods(cluster, 'k8s-app=kube-dns', 'kube-system')).flatMap(
      (each) => each.addresses,
    );
    assert(server !== undefined);
    const name = 'first.inner.default.svc.cluster.local.';
    await cluster.api.waitFor(`${name} has the pod's addresses`, async () => {
      const command = ['podtool', 'lookup', name, server];
      const { stdout } = await cluster.api.exec('plain-2', command);
      return stdout.trim().split('\n').sort().join() === [...addresses].sort().join();
    });
  });

  rootTest('a static pod gets a network, which is removed with its file', async () => {
    const file = join(cluster.nodes.folder('node-2'), 'etc/kubernetes/manifests/static.json');
    writeFileSync(file, JSON.stringify(pod('static')));
    try {
      const { addresses } = await cluster.api.waitFor('the static pod is Ready', async () =>
        (await all()).find(({ name }) => name === 'static-node-2'),
      );
      assert.equal(addresses.length, 2);
      for (const address of addresses)
        assert.match(await says('plain-1', address), /^static-node-2 saw /);
    } finally {
      rmSync(file);
    }
    await gone('node-2', 'default/static-node-2');
  });

  rootTest('a recreated pod of a StatefulSet has another address', async () => {
    const earlier = await find('kept-0');
    await cluster.api.kubectl('delete', 'pod', 'kept-0');
    const later = await cluster.api.waitFor('its successor is Ready', async () =>
      (await all()).find(({ name, uid }) => name === 'kept-0' && uid !== earlier.uid),
    );
    for (const address of later.addresses) {
      assert.ok(!earlier.addresses.includes(address), `${address} has not cooled down`);
      assert.match(await says('plain-2', address), /^kept-0 saw /);
    }
    for (const address of earlier.addresses)
      assert.match(await says('plain-2', address), /no answer$/);
    const endpoints = await endpointsOf(cluster, later.node);
    const own = endpoints.filter((endpoint) => endpoint.pod?.name === 'kept-0');
    assert.deepEqual(
      own.map(({ addresses }) => addresses),
      [later.addresses],
    );
  });

  rootTest('the addresses of a completed Job are free while its pod is still listed', async () => {
    await cluster.api.apply([job]);
    await cluster.api.kubectl('wait', '--for=condition=Complete', 'job/once', '--timeout=60s');
    const { items } = await cluster.api.get<JobPods>('pods', '-l', 'job-name=once');
    const [done] = items;
    assert(done !== undefined && done.status.phase === 'Succeeded');
    await gone('node-1', `default/${done.metadata.name}`);
    for (const { ip } of done.status.podIPs) assert.match(await says('plain-2', ip), /no answer$/);
  });

  rootTest('a pod that is deleted by force leaves nothing', async () => {
    await cluster.api.apply([
      pod('forced', { nodeName: 'node-2', terminationGracePeriodSeconds: 30 }),
    ]);
    const { addresses } = await cluster.api.waitFor('the pod is Ready', async () =>
      (await all()).find(({ name }) => name === 'forced'),
    );
    await cluster.api.kubectl('delete', 'pod', 'forced', '--force', '--grace-period=0');
    await gone('node-2', 'default/forced');
    for (const address of addresses) assert.match(await says('plain-1', address), /no answer$/);
  });

  rootTest('after all pods are deleted, the nodes have the same objects as before', async () => {
    await cluster.api.kubectl(
      ...['delete', 'statefulset,job,pod,service', '-l', 'app=pods', '--cascade=foreground'],
    );
    await cluster.api.waitFor('the nodes are as they were', async () => {
      const now = await Promise.all(nodes.map((node) => held(cluster, node)));
      return JSON.stringify(now) === JSON.stringify(atFirst);
    });
  });

  async function gone(node: string, name: string): Promise<void> {
    await cluster.api.waitFor(`${name} has no endpoint on ${node}`, async () => {
      return !(await podsOf(cluster, node)).includes(name);
    });
  }

  /** Bits a second of what `podtool get` fetches in two seconds at the limit. */
  async function rateOf(client: string, url: string): Promise<number> {
    const bytes = (megabitsPerSecond * 1_000_000 * 2) / 8;
    const script = 'time -p podtool get "$0" | wc -c';
    const { stdout, stderr } = await cluster.api.exec(client, [
      'sh',
      '-c',
      script,
      `${url}/${bytes}`,
    ]);
    assert.equal(stdout.trim(), String(bytes), stderr);
    const seconds = Number(/^real ([\d.]+)/m.exec(stderr)?.[1]);
    return (bytes * 8) / seconds;
  }
});

function headless(name: string, selector: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name, labels: { app: 'pods' } },
    spec: { clusterIP: 'None', selector, ipFamilyPolicy: 'RequireDualStack' },
  };
}

const statefulSet: object = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { namespace: 'default', name: 'kept', labels: { app: 'pods' } },
  spec: {
    serviceName: 'inner',
    selector: { matchLabels: { app: 'pods', set: 'kept' } },
    template: {
      metadata: { labels: { app: 'pods', set: 'kept' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
        containers: [{ ...tool, readinessProbe: ready }],
      },
    },
  },
};

const job: object = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { namespace: 'default', name: 'once', labels: { app: 'pods' } },
  spec: {
    template: {
      metadata: { labels: { app: 'pods' } },
      spec: {
        nodeName: 'node-1',
        restartPolicy: 'Never',
        containers: [{ ...tool, command: ['true'] }],
      },
    },
  },
};

interface JobPods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly phase: string;
      readonly podIPs: readonly { readonly ip: string }[];
    };
  }[];
}
