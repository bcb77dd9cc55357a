// A node is switched off with running pods and starts again: no links, no namespaces, with or without pins; only the
// disk is unchanged.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  podNamespace,
  rebooted,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { nodeInventory } from '../support/node-inventory.ts';
import { rootTest } from '../support/root-test.ts';

interface Case {
  readonly name: string;
  readonly settings: string;
  /** Additional losses by the reboot. */
  forget(place: AgentPlace): void;
}

const removePins = ({ pinDir }: AgentPlace): void => fs.rmSync(pinDir, { recursive: true });

const cases: readonly Case[] = [
  { name: 'native, the bpf file system is empty', settings: '', forget: removePins },
  { name: 'vxlan, the pins are there', settings: 'mode: vxlan\n', forget: () => undefined },
  {
    name: 'native, only the pinned links are lost',
    settings: '',
    forget: ({ pinDir }) => fs.rmSync(path.join(pinDir, 'links'), { recursive: true }),
  },
];

for (const { name, settings, forget } of cases) {
  rootTest(`after a reboot pods are recreated (${name})`, async (context) => {
    const before = agentPlace(context, settings);
    const agent = await startAgent(context, before);
    const fresh = nodeInventory(before);
    const kept = podNamespace(context);
    cni(before, { verb: 'ADD', containerId: 'kept', netns: kept.path });
    const gone = ['gone-1', 'gone-2'].map((containerId) => ({
      containerId,
      ...podNamespace(context),
    }));
    for (const { containerId, path: netns } of gone) {
      cni(before, { verb: 'ADD', containerId, netns });
    }
    await agent.end('SIGKILL');
    // The runtime has recreated one sandbox's namespace under its old path, empty.
    runIn(kept.namespace, 'ip', 'link', 'del', 'eth0');
    for (const { end } of gone) end();
    forget(before);

    const place = rebooted(context, before);
    const again = await startAgent(context, place);
    const { endpoints, health } = await status(place);
    assert.equal(endpoints, 0);
    const told = again.log().map(({ msg }) => String(msg));
    const forgotten = told.filter((text) =>
      /^forgot endpoint .* namespace no longer exist$/.test(text),
    );
    assert.equal(forgotten.length, 2, told.join('\n'));
    assert.match(
      health.reasons.join(),
      /its interface hd.* is missing; it keeps 10\.201\.1\.2 and/,
    );
    assert.equal(health.reasons.length, 1);

    for (const { containerId, path: netns } of gone) {
      cni(place, { verb: 'DEL', containerId, netns });
    }
    cni(place, {
      verb: 'GC',
      containerId: '',
      netns: '',
      more: { 'cni.dev/valid-attachments': [] },
    });
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).health, {
        state: 'healthy',
        reasons: [],
        problems: [],
      });
    });
    assert.deepEqual(shape(nodeInventory(place)), shape(fresh));

    const pod = podNamespace(context);
    const added = cni(place, { verb: 'ADD', containerId: 'new', netns: pod.path });
    const [, address = ''] = /"(10\.201\.1\.\d+)\/32"/.exec(added) ?? [];
    const ping = ['ping', '-c', '3', '-i', '0.01', '-W', '2'];
    assert.match(runIn(place.namespace, 'busybox', ...ping, address), /3 packets received/);
    assert.match(runIn(pod.namespace, 'busybox', ...ping, '10.200.0.11'), /3 packets received/);
    cni(place, { verb: 'DEL', containerId: 'new', netns: pod.path });
  });
}

/** Without values that differ between two equal objects: indices, and addresses that cool down. */
function shape({
  links,
  routes,
  maps,
  neighbours,
  pins,
  stateFiles,
  nft,
}: ReturnType<typeof nodeInventory>): object {
  return {
    links: links.map((link) => link.replace(/^\d+ /, '')).sort(),
    routes: routes.length,
    neighbours: neighbours.length,
    maps: { ...maps },
    pins,
    stateFiles: stateFiles.filter((file) => file !== 'released-addresses'),
    nft,
  };
}
