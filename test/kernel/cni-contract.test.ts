// The contract of CNI through the real executable and a real agent: the output of each verb in each version of the
// specification, and the answers of STATUS and ADD when a node cannot take pods.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { cniVersions, isAtLeast } from '../../src/cni/version.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import {
  agentPlace,
  eventuallyPasses,
  podNamespace,
  startAgent,
} from '../support/agent-process.ts';
import { type ShimExecution, shimTo } from '../support/execute-shim.ts';
import type { WrittenRequest } from '../support/malformed-requests.ts';
import { runIn } from '../support/namespaces.ts';
import { nodeState, unchanged } from '../support/node-state.ts';
import { rootTest } from '../support/root-test.ts';

const silent = { exitCode: 0, stdout: '', stderr: '' };
const verb = (
  command: string,
  configuration: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, string | undefined>> = {},
): WrittenRequest => ({ environment: { CNI_COMMAND: command, ...changes }, configuration });

rootTest('every verb in every version follows the specification exactly', async (context) => {
  const place = agentPlace(context, 'ipam: { cooldownMs: 0 }\n');
  const { process: agent } = await startAgent(context, place);
  const pod = podNamespace(context);
  const execute = shimTo(place.socket, pod.path);
  const of = { place, pid: agent.pid ?? 0, pods: [pod.namespace] };
  // Objects that a first pod leaves for all later ones: tables of the data path, folders of the state.
  assert.equal((await execute(verb('ADD', {}))).exitCode, 0);
  assert.deepEqual(await execute(verb('DEL', {})), silent);
  await eventuallyPasses(() => assert.doesNotMatch(linksOf(place.namespace), /: hd/));
  const before = await nodeState(of);
  for (const [index, cniVersion] of cniVersions.entries()) {
    const offset = index + 3;
    const added = await execute(verb('ADD', { cniVersion }));
    const result = JSON.parse(added.stdout);
    const [host, inPod] = result.interfaces;
    assert.match(host.name, /^hd[0-9a-f]{11}$/);
    assert.match(inPod.mac, /^02(:[0-9a-f]{2}){5}$/);
    assert.deepEqual(
      result,
      expectedResult(cniVersion, { offset, host: host.name, mac: inPod.mac, netns: pod.path }),
    );
    assert.equal(added.stdout, `${JSON.stringify(result)}\n`);
    if (isAtLeast(cniVersion, '0.4.0')) {
      assert.deepEqual(await execute(verb('CHECK', { cniVersion, prevResult: result })), silent);
    }
    // With everything that a runtime can pass; then again with the minimum.
    assert.deepEqual(await execute(verb('DEL', { cniVersion, prevResult: result })), silent);
    const bare = { CNI_NETNS: undefined, CNI_ARGS: undefined, CNI_PATH: undefined };
    for (const netns of ['', '/run/netns/heddle-test-gone', undefined]) {
      const again = verb('DEL', { cniVersion }, { ...bare, CNI_NETNS: netns });
      assert.deepEqual(await execute(again), silent);
    }
    const asked = await execute({
      environment: { ...bare, CNI_COMMAND: 'VERSION', CNI_CONTAINERID: undefined, CNI_IFNAME: '' },
      configuration: JSON.stringify({ cniVersion }),
    });
    assert.equal(
      asked.stdout,
      `{"cniVersion":"${cniVersion}","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}\n`,
    );
  }
  await unchanged(before, of);
});

function linksOf(namespace: NetworkNamespace): string {
  return runIn(namespace, 'ip', '-o', 'link');
}

interface Expected {
  readonly offset: number;
  readonly host: string;
  readonly mac: string;
  readonly netns: string;
}

// Written out, so that it shares nothing with the tested code (CNI spec 1.1, section 5, and earlier versions).
function expectedResult(version: string, { offset, host, mac, netns }: Expected): object {
  const [v4, v6] = [`10.201.1.${offset}/32`, `fd00:201:1::${offset}/128`];
  const gateways = ['169.254.1.1', 'fe80::1'];
  const gateway = '02:68:65:64:64:6c';
  const routes = [
    { dst: '0.0.0.0/0', gw: gateways[0] },
    { dst: '::/0', gw: gateways[1] },
  ];
  const interfaces = [
    { name: host, mac: gateway },
    { name: 'eth0', mac, sandbox: netns },
  ];
  const ips = [
    { address: v4, gateway: gateways[0], interface: 1 },
    { address: v6, gateway: gateways[1], interface: 1 },
  ];
  const older = [
    { version: '4', ...ips[0] },
    { version: '6', ...ips[1] },
  ];
  const shapes: Readonly<Record<string, object>> = {
    '0.3.1': { cniVersion: '0.3.1', interfaces, ips: older, routes, dns: {} },
    '0.4.0': { cniVersion: '0.4.0', interfaces, ips: older, routes, dns: {} },
    '1.0.0': { cniVersion: '1.0.0', interfaces, ips, routes, dns: {} },
    '1.1.0': {
      cniVersion: '1.1.0',
      interfaces: interfaces.map((entry) => ({ ...entry, mtu: 1500 })),
      ips,
      routes,
    },
  };
  return shapes[version] ?? assert.fail(version);
}

rootTest('GC removes what its list does not have, and nothing without a list', async (context) => {
  const place = agentPlace(context, 'ipam: { cooldownMs: 0 }\n');
  const { process: agent } = await startAgent(context, place);
  const [kept, stale] = [podNamespace(context), podNamespace(context)];
  const execute = shimTo(place.socket, kept.path);
  const cniVersion = '1.1.0';
  assert.equal((await execute(verb('ADD', { cniVersion }))).exitCode, 0);
  const of = { place, pid: agent.pid ?? 0, pods: [kept.namespace] };
  const gc = (list: object): WrittenRequest =>
    verb('GC', { cniVersion, ...list }, { CNI_CONTAINERID: undefined, CNI_NETNS: undefined });
  const mine = [{ containerID: 'c0ffee', ifname: 'eth0' }];
  const addStale = verb('ADD', { cniVersion }, { CNI_CONTAINERID: 'stale', CNI_NETNS: stale.path });
  assert.equal((await execute(addStale)).exitCode, 0);
  const both = await nodeState(of);
  assert.deepEqual(await execute(gc({})), silent);
  assert.deepEqual(await execute(gc({ name: 'other', 'cni.dev/valid-attachments': [] })), {
    ...silent,
  });
  await unchanged(both, of);
  const keepMine = gc({ 'cni.dev/valid-attachments': mine });
  for (let run = 0; run < 2; run++) assert.deepEqual(await execute(keepMine), silent);
  await eventuallyPasses(() => assert.doesNotMatch(linksOf(place.namespace), /: hdx/));
  const onlyMine = await nodeState(of);
  assert.notDeepEqual(onlyMine, both);
  assert.equal((await execute(addStale)).exitCode, 0);
  assert.deepEqual(await execute(keepMine), silent);
  await unchanged(onlyMine, of);
});

const status = verb('STATUS', { cniVersion: '1.1.0' });

function assertRefused({ exitCode, stdout }: ShimExecution, code: number, text: RegExp): void {
  assert.equal(exitCode, 1, stdout);
  const error = JSON.parse(stdout) as { code: number; msg: string };
  assert.equal(error.code, code, stdout);
  assert.match(error.msg, text);
}

rootTest(
  'STATUS and ADD report a node without free addresses; one in cooldown is then used',
  async (context) => {
    const excluded = ['4/30', '8/29', '16/28', '32/27', '64/26', '128/25'];
    const cidrs = excluded.map((block) => `10.201.1.${block}`).join(', ');
    const place = agentPlace(context, `ipam: { cooldownMs: 60000, excludedCidrs: [${cidrs}] }\n`);
    await startAgent(context, place);
    const pods = [1, 2, 3].map(() => podNamespace(context).path);
    const execute = shimTo(place.socket, '');
    const of = (command: string, pod: number): WrittenRequest =>
      verb(command, {}, { CNI_CONTAINERID: `pod-${pod}`, CNI_NETNS: pods[pod] });
    assert.deepEqual(await execute(status), silent);
    for (const pod of [0, 1]) assert.equal((await execute(of('ADD', pod))).exitCode, 0);
    const none = 'allocate an IPv4 address: none is free in 10.201.1.0/24 \\(253 for pods\\)';
    assertRefused(await execute(status), 50, new RegExp(`^STATUS: no pod can be added: ${none}$`));
    assertRefused(
      await execute(of('ADD', 2)),
      102,
      new RegExp(`^ADD container pod-2 eth0: ${none}$`),
    );
    assert.deepEqual(await execute(of('DEL', 0)), silent);
    assert.deepEqual(await execute(status), silent);
    assert.match((await execute(of('ADD', 2))).stdout, /"10\.201\.1\.2\/32"/);
  },
);

rootTest('STATUS reports whether existing pods are affected, too', async (context) => {
  const place = agentPlace(context);
  const execute = shimTo(place.socket, podNamespace(context).path);
  const absent = `connect to the Heddle agent at ${place.socket}.cni: No such file or directory`;
  assertRefused(await execute(status), 50, new RegExp(`^STATUS: ${absent}$`));
  assertRefused(await execute({}), 11, new RegExp(`^ADD: ${absent}$`));

  // The cluster does not contain this node yet.
  const nodes = path.join(place.folder, 'cluster', 'nodes.yaml');
  fs.renameSync(nodes, `${nodes}.later`);
  await startAgent(context, place);
  assertRefused(await execute(status), 50, /^STATUS: .*: this node has no pod ranges$/);
  assertRefused(await execute({}), 11, /^ADD .*: this node has no pod ranges$/);
  fs.renameSync(`${nodes}.later`, nodes);
  await eventuallyPasses(async () => assert.deepEqual(await execute(status), silent));
  assert.equal((await execute({})).exitCode, 0);

  runIn(place.namespace, 'ip', 'link', 'del', 'eth0');
  await eventuallyPasses(async () => {
    assertRefused(
      await execute(status),
      51,
      /^STATUS: no pod can be added: the node has no uplink to the other nodes; pods that exist are limited: there is no uplink/,
    );
  });
  const other = {
    environment: { CNI_CONTAINERID: 'other', CNI_NETNS: podNamespace(context).path },
  };
  assertRefused(
    await execute(other),
    11,
    /^ADD container other eth0: the node has no uplink to the other nodes$/,
  );
});
