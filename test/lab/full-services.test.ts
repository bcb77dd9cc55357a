// A table of backends that is too small for what namespaces ask for: what was there goes on working and changing.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { echoPod, eventuallyDefined, writeManifest } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';
import { askFrom, serviceLab, serviceObjects, whoPod } from '../support/service-lab.ts';

const web = '10.96.0.10';
const late = '10.96.0.11';

interface Asked {
  readonly namespace: string;
  readonly last: number;
  readonly backends: number;
}

/** A Service at 10.96.1.`last` with that many backends, all of which are somewhere else. */
function asked({ namespace, last, backends }: Asked): readonly object[] {
  const metadata = { namespace, name: `s${last}` };
  const ports = [{ port: 80, protocol: 'TCP' }];
  const endpoints = Array.from({ length: backends }, (_, index) => ({
    ...{ addresses: [`192.0.2.${index + 1}`], conditions: { ready: true } },
  }));
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { type: 'ClusterIP', clusterIPs: [`10.96.1.${last}`], ports },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: {
        ...{ namespace, name: `s${last}-a` },
        labels: { 'kubernetes.io/service-name': `s${last}` },
      },
      ...{ endpoints, ports: [{ port: 8000 + last, protocol: 'TCP' }] },
    },
  ];
}

describe('Services, a full table', () => {
  const lab = serviceLab({
    mode: 'native',
    manifests: {
      'pods.yaml': [
        ...['web-1', 'web-2'].map((name) => whoPod(name, 'node-1', [9000])),
        echoPod('client-1', 'node-1'),
      ],
    },
    services: { slotEntries: 64, healthAddress: '0.0.0.0:10256' },
    ranges: [],
  });

  const service = (name: string, address: string, servers: readonly string[]) =>
    serviceObjects({
      ...{ name, targetPort: 9000 },
      spec: { type: 'ClusterIP', clusterIPs: [address], ports: [{ port: 80, protocol: 'TCP' }] },
      backends: servers.map((server) => {
        const pod = lab().pod(server);
        return { addresses: [lab().address(pod, 4), lab().address(pod, 6)], node: 'node-1' };
      }),
    });
  const write = (name: string, objects: readonly object[]): void =>
    writeManifest(join(lab().source, `${name}.yaml`), objects);
  const health = async () => {
    const { stdout } = await lab().inNode('node-1', [
      ...['curl', '-s', '-w', '\n%{http_code}', 'http://127.0.0.1:10256/healthz'],
    ]);
    const [body = '', code] = stdout.split('\n');
    return { code, reason: (JSON.parse(body) as { readonly reason?: string }).reason };
  };
  const answers = async (address: string): Promise<string> => {
    const [outcome] = await askFrom(lab(), 'client-1', [`tcp,80,${address}`]);
    return typeof outcome === 'object' ? outcome.by : `${outcome}`;
  };
  const problems = async (): Promise<readonly string[]> =>
    (await lab().status('node-1')).health.reasons;

  rootTest(
    'a namespace that asks for all of it gets its share, and the node stays healthy',
    async () => {
      write('web', service('web', web, ['web-1']));
      const flood = [1, 2, 3, 4, 5].map((last) => asked({ namespace: 'flood', last, backends: 4 }));
      write('flood', flood.flat());
      const found = await eventuallyDefined('the share is used', async () =>
        (await problems()).find((text) => text.includes('flood/s5')),
      );
      assert.match(
        found,
        /Service flood\/s5: port 80\/TCP \(IPv4\): services\.slotEntries 64: namespace flood uses its share of 16 slots, clients are refused/,
      );
      assert.deepEqual(await health(), { code: '200', reason: undefined });
      assert.equal(await answers(web), 'web-1 9000');
    },
  );

  rootTest(
    'when all is used, a new Service is refused and named, and another one changes',
    async () => {
      const more = [6, 7, 8].map((last) => asked({ namespace: `n${last}`, last, backends: 12 }));
      write('more', [...more.flat(), ...asked({ namespace: 'last', last: 9, backends: 6 })]);
      await eventuallyDefined('the table is used', async () => {
        const text = (await problems()).join('\n');
        return (
          /n[678].s[678]: port 80.TCP \(IPv4\): services.slotEntries 64: all 48/.test(text) ||
          undefined
        );
      });
      write('late', service('late', late, ['web-1', 'web-2']));
      await eventuallyDefined('the new Service is refused', async () =>
        (await problems()).find((text) => text.includes('shop/late')),
      );
      assert.equal(await answers(late), 'refused');
      const { code, reason } = await health();
      assert.equal(code, '503');
      assert.match(
        `${reason}`,
        /^Service n[678]\/s[678]: .*all 48 slots for backends are used, clients are refused$/,
      );
      for (const server of ['web-2', 'web-1', 'web-2']) {
        write('web', service('web', web, [server]));
        await eventuallyDefined(
          `web is ${server}`,
          async () => (await answers(web)) === `${server} 9000` || undefined,
        );
      }
    },
  );

  rootTest('with room again everything is served', async () => {
    for (const name of ['flood', 'more']) rmSync(join(lab().source, `${name}.yaml`));
    await eventuallyDefined(
      'nothing is refused',
      async () => (await problems()).every((text) => !text.includes('slotEntries')) || undefined,
    );
    assert.deepEqual(await health(), { code: '200', reason: undefined });
    assert.match(await answers(late), /^web-[12] 9000$/);
  });
});
