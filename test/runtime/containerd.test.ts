// A real container, started by Debian's containerd through CNI, is a member of the pod network like any other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import { callCni } from '../../src/lab/cni-call.ts';
import { Containerd } from '../support/containerd.ts';
import { assertNoTrace } from '../support/endpoint-trace.ts';
import { curl, eventuallyDefined, sharedLab, threePods, urlHost } from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const pods = ['web-1', 'db-1'] as const;
const families = [4, 6] as const;

describe('a container of containerd on node-1', () => {
  let containerd: Containerd;
  // Before the lab's own removal, which would end it the hard way.
  after(async () => {
    await containerd?.close();
  });
  const lab = sharedLab({ manifests: threePods });
  let endpoint: EndpointView;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    containerd = await Containerd.start(lab().node('node-1'));
    await containerd.run('box', ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www']);
    endpoint = await eventuallyDefined('the agent has the container as an endpoint', async () =>
      (await endpoints()).find(({ containerId }) => containerId.includes('box')),
    );
  });
  function endpoints(): Promise<readonly EndpointView[]> {
    return lab().ask<readonly EndpointView[]>('node-1', '/v1/endpoints');
  }

  function containerAddress(family: 4 | 6): string {
    const found = endpoint.addresses.find((address) => address.includes(':') === (family === 6));
    assert(found !== undefined, `the container has no IPv${family} address`);
    return found;
  }

  for (const family of families) {
    for (const pod of pods) {
      rootTest(`it reaches ${pod} over IPv${family}`, async () => {
        const url = `http://${urlHost(lab().address(lab().pod(pod), family))}:8080/`;
        const { stdout, stderr } = await containerd.exec('box', [
          '/bin/busybox',
          'wget',
          '-qO-',
          url,
        ]);
        assert.match(
          stdout,
          new RegExp(`^shop/${pod} on .* saw ${containerAddress(family)}\n$`),
          stderr,
        );
      });

      rootTest(`${pod} reaches it over IPv${family}`, async () => {
        const { stdout, stderr } = await lab().inPod(pod, curl(containerAddress(family)));
        assert.equal(stdout, 'a container\n', stderr);
      });
    }
  }

  rootTest('both nodes reach it', async () => {
    for (const node of ['node-1', 'node-2']) {
      for (const family of families) {
        const { stdout, stderr } = await lab().inNode(node, curl(containerAddress(family)));
        assert.equal(stdout, 'a container\n', stderr);
      }
    }
  });

  async function assertNothingStays(gone: EndpointView): Promise<void> {
    await assertNoTrace(lab(), 'node-1', gone);
    assert.deepEqual((await lab().status('node-1')).health, {
      state: 'healthy',
      reasons: [],
      problems: [],
    });
  }

  rootTest('when its process crashes, its network is removed', async () => {
    await containerd.run('crashing', ['/bin/busybox', 'sleep', '1000']);
    const crashing = (await endpoints()).find((each) => each.containerId.includes('crashing'));
    assert(crashing !== undefined);
    process.kill(await containerd.pidOf('crashing'), 'SIGKILL');
    await containerd.ended('crashing');
    await assertNothingStays(crashing);
  });

  rootTest('when it ends, nothing of it is left', async () => {
    await containerd.stop('box');
    await assertNothingStays(endpoint);
    assert.equal((await containerd.ctr(['container', 'ls', '-q'])).stdout, '');
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    assert.deepEqual(
      mounts.filter((line) => line.includes(containerd.folder)),
      [],
    );
  });

  rootTest('it keeps running while containerd and the agent are restarted', async () => {
    const server = ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www'];
    await containerd.runDetached('lasting', server);
    const lasting = (await endpoints()).find((each) => each.containerId.includes('lasting'));
    assert(lasting !== undefined);
    const [address = ''] = lasting.addresses;
    const serves = async (): Promise<boolean> =>
      (await lab().inPod('db-1', curl(address))).stdout === 'a container\n';
    await eventuallyDefined('it serves', serves);
    const { pid } = await lab().status('node-1');
    let isRestarted = false;
    const restarting = containerd.restart().then(() => {
      isRestarted = true;
    });
    lab().lab.agent('node-1').signal('SIGKILL');
    while (!isRestarted) assert.ok(await serves());
    await restarting;
    await eventuallyDefined('a new agent is healthy', async () => {
      const status = await lab()
        .status('node-1')
        .catch(() => undefined);
      return status !== undefined && status.pid !== pid && status.health.state === 'healthy';
    });
    assert.ok(await serves());
    const inside = await containerd.exec('lasting', ['/bin/busybox', 'ip', 'address']);
    assert.match(inside.stdout, new RegExp(`inet ${address}/32`), inside.stderr);

    // `ctr` forgets the network of a detached container: the agent reports it, and a DEL restores order.
    await containerd.remove('lasting');
    await eventuallyDefined('the agent misses its interface', async () => {
      const { reasons } = (await lab().status('node-1')).health;
      return reasons.some((text) => /its interface hd.* is missing; it keeps/.test(text));
    });
    await callCni({
      command: 'DEL',
      containerId: lasting.containerId,
      namespacePath: '',
      pod: { namespace: 'default', name: 'lasting', uid: '' },
      node: lab().node('node-1'),
    });
    await assertNothingStays(lasting);
  });
});
