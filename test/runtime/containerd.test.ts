// A real container, started by Debian's containerd through CNI, is a member of the pod network like any other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import type { EndpointView } from '../../src/agent/api-types.ts';
import { Containerd } from '../support/containerd.ts';
import { curl, eventually, sharedLab, threePods, urlHost } from '../support/lab.ts';
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
    endpoint = await eventually('the agent has the container as an endpoint', async () =>
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

  rootTest('when it ends nothing of it stays', async () => {
    await containerd.stop('box');
    const left = await endpoints();
    assert.deepEqual(
      left.filter(({ containerId }) => containerId.includes('box')),
      [],
    );
    const { stdout } = await lab().inNode('node-1', ['ip', '-o', 'link']);
    assert.doesNotMatch(stdout, new RegExp(endpoint.hostIfName));
    const routes = await lab().inNode('node-1', ['sh', '-c', 'ip route; ip -6 route; ip neigh']);
    for (const address of endpoint.addresses)
      assert.ok(!routes.stdout.includes(`${address} `), routes.stdout);
    assert.equal((await containerd.ctr(['container', 'ls', '-q'])).stdout, '');
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    assert.deepEqual(
      mounts.filter((line) => line.includes(containerd.folder)),
      [],
    );
  });
});
