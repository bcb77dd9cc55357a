// services.nodePortRange: the kernel gives none of these ports to processes, and who takes one nevertheless is named.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentPlace, eventuallyPasses, startAgent, status } from '../support/agent-process.ts';
import { testCgroup } from '../support/bpf.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const service = `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: web }
spec: { type: NodePort, clusterIP: 10.96.0.10, ports: [{ port: 80, nodePort: 30080 }] }
`;

rootTest(
  'the range is reserved while Heddle translates, beside the ports of others',
  async (context) => {
    const on = 'services: { mode: on }\n';
    const there = agentPlace(context, `cgroupRoot: ${testCgroup(context)}\n${on}`);
    const { namespace } = there;
    writeFileSync(path.join(there.folder, 'cluster', 'web.yaml'), service);
    const reserved = (): string =>
      runIn(namespace, 'sysctl', '-n', 'net.ipv4.ip_local_reserved_ports').trim();
    const set = (text: string): string =>
      runIn(namespace, 'sysctl', '-qw', `net.ipv4.ip_local_reserved_ports=${text}`);
    set('8080');
    const first = await startAgent(context, there);
    assert.equal(reserved(), '8080,30000-32767');

    const listener = spawnIn(namespace, process.execPath, [
      '-e',
      "require('node:net').createServer().listen(30080)",
    ]);
    const reasons = async (): Promise<readonly string[]> => (await status(there)).health.reasons;
    await eventuallyPasses(async () =>
      assert.match((await reasons())[0] ?? '', /^node port 30080\/TCP: a process of this node/),
    );
    listener.kill();
    await eventuallyPasses(async () => assert.deepEqual(await reasons(), []));

    set('9090');
    await eventuallyPasses(() => assert.equal(reserved(), '9090,30000-32767'));
    await first.end('SIGKILL');
    const second = await startAgent(context, there);
    assert.equal(reserved(), '9090,30000-32767');
    await second.end('SIGTERM');
    assert.equal(reserved(), '9090,30000-32767', 'the programs still translate');

    const text = readFileSync(there.config, 'utf8');
    writeFileSync(there.config, text.replace(on, 'services: { mode: off }\n'));
    const third = await startAgent(context, there);
    assert.equal(reserved(), '9090');
    await third.end('SIGTERM');

    writeFileSync(there.config, text);
    const fourth = await startAgent(context, there);
    assert.equal(reserved(), '9090,30000-32767');
    await fourth.end('SIGTERM');
    const told = runIn(namespace, process.execPath, heddle, 'uninstall', '-c', there.config);
    assert.match(told, /1 {2}reserved ports released/);
    assert.equal(reserved(), '9090');
  },
);
