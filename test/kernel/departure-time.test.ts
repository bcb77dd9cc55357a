// The time at which a pod wants a packet to leave does not reach an uplink, where a queue would hold the packet until
// then. TCP gives each of its packets such a time, as SO_TXTIME does for any process.

import assert from 'node:assert/strict';
import { agentPlace, cni, podNamespace, startAgent } from '../support/agent-process.ts';
import { ipIn, runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const bandwidth = { egressRate: 8e6, egressBurst: 8e5 };
const kinds = [
  { what: 'a pod', more: {} },
  { what: 'a pod with limited egress', more: { runtimeConfig: { bandwidth } } },
];
const targets = [
  { what: 'the world', address: '10.200.0.50' },
  { what: "another node's pod", address: '10.201.2.2' },
  { what: 'the world, IPv6', address: 'fd00:200::50' },
  { what: "another node's pod, IPv6", address: 'fd00:201:2::2' },
];

for (const mode of ['native', 'vxlan']) {
  rootTest(`no packet of a pod has a departure time at an uplink (${mode})`, async (context) => {
    const place = agentPlace(context, `mode: ${mode}\n`);
    await startAgent(context, place);
    const { namespace: node } = place;
    for (const address of ['10.200.0.12', '10.200.0.50', 'fd00:200::12', 'fd00:200::50']) {
      ipIn(node, `neigh replace ${address} lladdr 02:00:00:00:00:12 dev eth0 nud permanent`);
    }
    runIn(node, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
    const program = ['bpf', 'da', 'obj', 'dist/test/bpf/departure.bpf.o', 'sec', 'tc'];
    runIn(node, 'tc', 'filter', 'add', 'dev', 'eth0', 'egress', 'prio', '1', ...program);
    const counts = (): readonly string[] => {
      const shown = runIn(node, 'tc', '-s', 'qdisc', 'show', 'dev', 'eth0', 'clsact');
      return /Sent \d+ bytes (\d+) pkt \(dropped (\d+)/.exec(shown)?.slice(1) ?? [];
    };
    for (const [index, { what, more }] of kinds.entries()) {
      const pod = podNamespace(context);
      cni(place, { verb: 'ADD', containerId: `container-${index}`, netns: pod.path, more });
      for (const target of targets) {
        const [before] = counts();
        const open = `timeout 0.2 bash -c '</dev/tcp/${target.address}/80' || true`;
        runIn(pod.namespace, 'sh', '-c', open);
        const [after, dropped] = counts();
        assert.equal(dropped, '0', `${what} to ${target.what}`);
        assert.notEqual(after, before, `${what} to ${target.what}: nothing was sent`);
      }
    }
  });
}
