// The reference client of the CNI project, built from its Go module (test/runtime/cnitool/go.mod pins the version), drives
// every verb through the real executable and a real agent, by the configuration that `heddle install-cni` writes.

import assert from 'node:assert/strict';
import { agentPlace, podNamespace, startAgent } from '../support/agent-process.ts';
import { buildCnitool, cnitoolOf, installedList, succeeds } from '../support/cnitool.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

rootTest('cnitool drives every verb', async (context) => {
  const place = agentPlace(context, 'ipam: { cooldownMs: 60000 }\n');
  const tool = buildCnitool(context, place.folder);
  if (tool === undefined) return;
  const agent = await startAgent(context, place);
  const cnitool = cnitoolOf(place, tool, installedList(place));
  const pod = podNamespace(context);
  succeeds(cnitool('status', pod.path));

  const added = JSON.parse(succeeds(cnitool('add', pod.path)).stdout);
  assert.equal(added.cniVersion, '1.1.0', 'the newest of cniVersions');
  assert.deepEqual(added.ips, [
    { interface: 1, address: '10.201.1.2/32', gateway: '169.254.1.1' },
    { interface: 1, address: 'fd00:201:1::2/128', gateway: 'fe80::1' },
  ]);
  runIn(place.namespace, 'busybox', 'ping', '-c1', '-W1', '10.201.1.2');
  succeeds(cnitool('check', pod.path));
  runIn(pod.namespace, 'ip', 'link', 'set', 'eth0', 'mtu', '1300');
  assert.match(cnitool('check', pod.path).stderr, /MTU 1300 instead of 1500/);
  assert.match(cnitool('add', pod.path).stderr, /interface eth0 already exists/);
  for (let run = 0; run < 2; run++) succeeds(cnitool('del', pod.path));

  const capabilities = { ips: ['10.201.1.77'], mac: '02:00:5e:10:00:77' };
  const fixed = JSON.parse(succeeds(cnitool('add', pod.path, capabilities)).stdout);
  assert.equal(fixed.ips[0].address, '10.201.1.77/32');
  assert.equal(fixed.interfaces[1].mac, '02:00:5e:10:00:77');
  succeeds(cnitool('gc', pod.path));
  assert.equal(
    runIn(pod.namespace, 'ip', '-4', 'address', 'show', 'dev', 'lo').includes('77'),
    false,
  );
  assert.doesNotMatch(runIn(place.namespace, 'ip', 'route'), /10\.201\.1\.77/);

  await agent.end('SIGTERM');
  const unavailable = cnitool('status', pod.path);
  assert.equal(unavailable.status, 1);
  assert.match(unavailable.stderr, /STATUS: connect to the Heddle agent at/);
});
