// A real container, started by Debian's podman 4 through its CNI back end, is a member of the pod network like any other:
// also while the agent restarts, and also when it crashes.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import { imagePage } from '../support/container-image.ts';
import { assertNoTrace } from '../support/endpoint-trace.ts';
import { curl, eventuallyDefined, sharedLab, threePods, urlHost } from '../support/lab.ts';
import { Podman } from '../support/podman.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const pods = ['web-1', 'db-1'] as const;
const families = [4, 6] as const;
const server = ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www'];

interface InspectedNetwork {
  readonly IPAddress: string;
  readonly GlobalIPv6Address: string;
  readonly MacAddress: string;
}

describe('a container of podman on node-1', () => {
  let podman: Podman;
  // Before the lab's own removal, which would end its processes the hard way.
  after(async () => {
    await podman?.close();
  });
  const lab = sharedLab({ manifests: threePods });
  let endpoint: EndpointView;
  let namespacesBefore: readonly string[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    podman = await Podman.start(lab().node('node-1'));
    namespacesBefore = podmanNamespaces();
    // An alias makes podman send `aliases`, as a map, where the convention has a list.
    endpoint = await started('box', ['--network-alias', 'web']);
  });

  async function started(name: string, options: readonly string[] = []): Promise<EndpointView> {
    const id = await podman.run(name, server, options);
    const found = (await endpoints()).find(({ containerId }) => containerId === id);
    assert(found !== undefined, 'the agent has the container as an endpoint');
    await eventuallyDefined('the web server listens', async () => {
      const { exitCode } = await lab().inNode('node-1', curl(addressOf(found, 4)));
      return exitCode === 0 ? true : undefined;
    });
    return found;
  }

  function endpoints(): Promise<readonly EndpointView[]> {
    return lab().ask<readonly EndpointView[]>('node-1', '/v1/endpoints');
  }

  async function reachesEveryone({ addresses }: EndpointView, name: string): Promise<void> {
    for (const family of families) {
      const address = addresses.find((each) => each.includes(':') === (family === 6)) ?? '';
      for (const pod of pods) {
        const url = `http://${urlHost(lab().address(lab().pod(pod), family))}:8080/`;
        const said = await podman.must('exec', name, '/bin/busybox', 'wget', '-qO-', url);
        assert.match(said, new RegExp(`^shop/${pod} on .* saw ${address}$`));
        const { stdout, stderr } = await lab().inPod(pod, curl(address));
        assert.equal(stdout, imagePage, stderr);
      }
      for (const node of ['node-1', 'node-2']) {
        const { stdout, stderr } = await lab().inNode(node, curl(address));
        assert.equal(stdout, imagePage, stderr);
      }
    }
  }

  function assertNothingStays(gone: EndpointView): Promise<void> {
    return assertNoTrace(lab(), 'node-1', gone);
  }

  rootTest('it reaches pods and nodes over both families, and they reach it', async () => {
    await reachesEveryone(endpoint, 'box');
  });

  rootTest('podman reports its addresses and MAC', async () => {
    const shown = await podman.must('inspect', '--format', '{{json .NetworkSettings}}', 'box');
    const { Networks } = JSON.parse(shown) as { Networks: Record<string, InspectedNetwork> };
    const { IPAddress, GlobalIPv6Address, MacAddress } = Networks['heddle'] ?? assert.fail(shown);
    assert.deepEqual([IPAddress, GlobalIPv6Address], endpoint.addresses);
    assert.equal(MacAddress, endpoint.mac);
  });

  rootTest(
    'it is reachable during a restart of the agent and can be deleted afterwards',
    async () => {
      const { pid } = await lab().status('node-1');
      lab().lab.agent('node-1').signal('SIGKILL');
      const { stdout } = await lab().inPod('web-1', curl(addressOf(endpoint, 4)));
      assert.equal(stdout, imagePage);
      await eventuallyDefined('a new agent is healthy', async () => {
        const status = await lab()
          .status('node-1')
          .catch(() => undefined);
        return status !== undefined && status.pid !== pid && status.health.state === 'healthy';
      });
      await reachesEveryone(endpoint, 'box');
    },
  );

  rootTest('stopped, it leaves nothing; started again, it has a network again', async () => {
    await podman.must('stop', '--time', '0', 'box');
    await assertNothingStays(endpoint);
    await podman.must('start', 'box');
    const again = (await endpoints()).find(
      ({ containerId }) => containerId === endpoint.containerId,
    );
    assert(again !== undefined, 'the agent has the container as an endpoint');
    endpoint = again;
    await eventuallyDefined('it is reached', async () => {
      const { stdout } = await lab().inPod('db-1', curl(addressOf(endpoint, 6)));
      return stdout === imagePage ? true : undefined;
    });
  });

  rootTest('a container has the requested addresses, MAC and host ports', async () => {
    const mac = '02:00:5e:10:00:77';
    const [first, second] = endpoint.addresses;
    const fixed = [`${first?.replace(/\d+$/, '77')}`, `${second?.replace(/[0-9a-f]+$/, '77')}`];
    const asked = ['--ip', fixed[0] ?? '', '--ip6', fixed[1] ?? '', '--mac-address', mac];
    const made = await started('fixed', [...asked, '-p', '18090:8080']);
    assert.deepEqual(made.addresses, fixed);
    assert.equal(made.mac, mac);
    const inside = await podman.must('exec', 'fixed', '/bin/busybox', 'ip', 'link', 'show', 'eth0');
    assert.match(inside, new RegExp(mac));
    for (const place of ['node-1', 'node-2', 'world']) {
      for (const family of families) {
        const url = `http://${urlHost(lab().address(lab().node('node-1'), family))}:18090/`;
        const { stdout, stderr } = await lab().inNode(place, [
          'curl',
          '-sS',
          '--max-time',
          '5',
          url,
        ]);
        assert.equal(stdout, imagePage, `${place} ${url}: ${stderr}`);
      }
    }
    await podman.must('rm', '--force', '--time', '0', 'fixed');
    await assertNothingStays(made);
    const rules = await lab().inNode('node-1', ['nft', 'list', 'ruleset']);
    assert.doesNotMatch(rules.stdout, /18090/);
  });

  rootTest('when its process crashes, its network is removed', async () => {
    const crashed = await started('crashing');
    const pid = await podman.must('inspect', '--format', '{{.State.Pid}}', 'crashing');
    process.kill(Number(pid), 'SIGKILL');
    // conmon notices the end and starts podman's cleanup; nothing waits for that.
    await eventuallyDefined('the agent forgot it', async () => {
      const known = (await endpoints()).map(({ containerId }) => containerId);
      return known.includes(crashed.containerId) ? undefined : true;
    });
    await assertNothingStays(crashed);
    assert.equal(
      await podman.must('inspect', '--format', '{{.State.ExitCode}}', 'crashing'),
      '137',
    );
    await podman.must('rm', 'crashing');
  });

  rootTest('removed, it leaves nothing in the node or on the machine', async () => {
    await podman.must('rm', '--force', '--time', '0', 'box');
    await assertNothingStays(endpoint);
    assert.equal(await podman.must('ps', '--all', '--quiet'), '');
    assert.deepEqual(podmanNamespaces(), namespacesBefore);
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    assert.deepEqual(
      mounts.filter((line) => line.includes(`${podman.folder}/storage/vfs/`)),
      [],
    );
    assert.equal((await lab().status('node-1')).health.state, 'healthy');
  });
});

function podmanNamespaces(): readonly string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith('netns-'));
}

function addressOf({ addresses }: EndpointView, family: 4 | 6): string {
  const found = addresses.find((address) => address.includes(':') === (family === 6));
  assert(found !== undefined, `the container has no IPv${family} address`);
  return found;
}
