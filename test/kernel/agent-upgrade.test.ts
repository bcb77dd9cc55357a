// An agent with different maps from the running ones: the entries are carried over, and no packet is lost meanwhile.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { EndpointView } from '../../src/api/endpoints.ts';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  get,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { spawnIn } from '../support/namespaces.ts';
import { otherVersion, runOtherVersion } from '../support/other-version.ts';
import { rootTest } from '../support/root-test.ts';

/** The state that an agent of another version leaves. */
function runOther(place: AgentPlace, endpoints: readonly EndpointView[]): readonly string[] {
  return runOtherVersion({
    object: otherVersion(place.folder),
    sizes: { endpointEntries: 16, addressEntries: 256, routeEntries: 16_384, flowEntries: 1024 },
    pinDir: place.pinDir,
    namespace: place.namespace,
    attachments: endpoints.flatMap(({ hostIfName: ifName, hostIfIndex }) =>
      (['from_pod', 'to_pod'] as const).map((hook) => {
        return { target: 'interface', ifName, ifIndex: hostIfIndex as IfIndex, hook } as const;
      }),
    ),
  });
}

/** At pods' interfaces, in both directions. */
function tcxPrograms(
  { namespace }: AgentPlace,
  endpoints: readonly EndpointView[],
): ReturnType<typeof queryTcx> {
  const ifIndexes = endpoints.map(({ hostIfIndex }) => hostIfIndex as IfIndex);
  return namespace.run(() =>
    ifIndexes.flatMap((ifIndex) => [
      ...queryTcx(ifIndex, 'ingress'),
      ...queryTcx(ifIndex, 'egress'),
    ]),
  );
}

rootTest(
  'an upgrade to other sizes and layouts of maps loses no packet and no entry',
  async (context) => {
    const place = agentPlace(context);
    const first = await startAgent(context, place);
    const pods = [podNamespace(context), podNamespace(context)];
    for (const [index, pod] of pods.entries()) {
      cni(place, { verb: 'ADD', containerId: `container-${index}`, netns: pod.path });
    }
    const endpoints = JSON.parse((await get(place, '/v1/endpoints')).text) as EndpointView[];
    const target = endpoints[1]?.addresses[0] ?? '';
    const words = ['ping', '-q', '-c', '1500', '-i', '0.003', '-W', '2', target];
    const pinging = spawnIn(pods[0]?.namespace ?? assert.fail(), 'busybox', words);
    let pinged = '';
    pinging.stdout?.on('data', (chunk) => {
      pinged += String(chunk);
    });
    const done = new Promise((resolve) => pinging.once('close', resolve));
    await setTimeout(300);
    assert.equal(await first.end('SIGTERM'), 0);

    const there = runOther(place, endpoints);
    assert.match(there.join('\n'), /^addresses: value 12 -> 24 bytes, 6 entries carried over$/m);
    assert.match(there.join('\n'), /^endpoints: value .*, 2 entries carried over$/m);
    await setTimeout(300);

    const settings = fs.readFileSync(place.config, 'utf8');
    fs.writeFileSync(place.config, settings.replace('addressEntries: 256', 'addressEntries: 512'));
    const second = await startAgent(context, place);
    const replaced = second
      .log()
      .flatMap(({ msg }) => /^map replaced: (.*)/.exec(String(msg))?.[1]);
    assert.match(replaced.join('\n'), /^addresses: 256 -> 512 entries, 6 entries carried over$/m);
    assert.match(replaced.join('\n'), /^flows: value .*, [1-9]\d* entries carried over$/m);
    const after = await status(place);
    assert.deepEqual(after.health, { state: 'healthy', reasons: [], problems: [] });
    const written = after.tables.filter(({ writes: { set, deleted } }) => set + deleted > 0);
    assert.deepEqual(
      written.map(({ name }) => name),
      ['attachments'],
      'every entry was there already',
    );
    assert.deepEqual(tcxPrograms(place, endpoints), []);
    await done;
    assert.match(pinged, /1500 packets transmitted, 1500 packets received/);
  },
);
