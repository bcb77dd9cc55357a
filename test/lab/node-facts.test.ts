// Changes of the node's kernel by others that misroute pods' packets: `heddle status` names them, and reports nothing
// on a healthy node.

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe } from 'node:test';
import { nodeFacts } from '../../src/agent/node-facts/node-facts.ts';
import { podBlocks } from '../../src/model/ids.ts';
import { type Deed, deedSettings, everyFact, shown } from '../support/deeds.ts';
import { sharedLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const podInterface = 'ip -o route show proto 72 | grep -om1 "hd[0-9a-f]*"';
const dropsAll = resolve(import.meta.dirname, '../bpf/hooks.bpf.o');

const deeds: readonly Deed[] = [
  {
    what: 'a route of a VPN inside the range of another node',
    begin: 'ip route add 10.201.2.64/26 via 10.200.0.1',
    end: 'ip route delete 10.201.2.64/26',
    fact: 'routes',
    state: 'problem',
    text: /route 10\.201\.2\.64\/26 via 10\.200\.0\.1 dev eth0 takes addresses from pod range 10\.201\.2\.0\/24/,
  },
  {
    what: 'a route of the node to a part of its own range',
    begin: 'ip route add blackhole 10.201.1.192/26',
    end: 'ip route delete blackhole 10.201.1.192/26',
    fact: 'routes',
    state: 'problem',
    text: /route blackhole 10\.201\.1\.192\/26 takes addresses from pod range 10\.201\.1\.0\/24/,
  },
  {
    what: 'a local route to the address of a pod',
    begin: 'ip route add local 10.201.1.2 dev lo table local',
    end: 'ip route delete local 10.201.1.2 dev lo table local',
    fact: 'routes',
    state: 'problem',
    text: /route local 10\.201\.1\.2\/32 dev lo table local takes addresses from pod range 10\.201\.1\.0\/24/,
  },
  {
    what: 'a rule that asks another table first',
    begin: `ip route add default via 10.200.0.1 table 51820 &&
      ip rule add not fwmark 0xca6c table 51820 priority 100`,
    end: 'ip rule delete priority 100 && ip route flush table 51820',
    fact: 'routing-rules',
    state: 'problem',
    text: /IPv4 packets to pod ranges 10\.201\.\d\.0\/24.* do not reach table main because of rule 100 \(table 51820: 0\.0\.0\.0\/0\)/,
  },
  {
    what: "a rule for what comes from the node's own address",
    begin: `ip route add default via 10.200.0.1 table 10001 &&
      ip rule add from 10.200.0.11 table 10001 priority 100`,
    end: 'ip rule delete priority 100 && ip route flush table 10001',
    fact: 'routing-rules',
    state: 'problem',
    text: /IPv4 packets of this node itself to pod ranges 10\.201\.\d\.0\/24.* do not reach table main because of rule 100/,
  },
  {
    what: 'a rule that refuses a network outside to pods',
    begin: 'ip rule add from 10.201.1.0/24 to 203.0.113.0/24 unreachable priority 10',
    end: 'ip rule delete priority 10',
    fact: 'routing-rules',
    state: 'note',
    text: /IPv4 packets of pods to 203\.0\.113\.0\/24 are refused by rule 10 \(unreachable\)/,
  },
  {
    what: 'a permanent neighbour entry of another node with a wrong address',
    begin: 'ip neigh replace 10.200.0.12 lladdr 02:00:5e:00:00:99 dev eth0 nud permanent',
    end: 'ip neigh delete 10.200.0.12 dev eth0',
    fact: 'next-hops',
    state: 'note',
    text: /another process has set permanent neighbour entries: next hop 10\.200\.0\.12 dev eth0 \(02:00:5e:00:00:99\)/,
  },
  {
    what: 'a pod interface that is a port of a bridge',
    begin: `ip link add br0 type bridge && ip link set br0 up &&
      ip link set $(${podInterface}) master br0`,
    end: 'ip link delete br0',
    fact: 'links',
    state: 'problem',
    text: /interface hd[0-9a-f]+ of a pod belongs to bridge br0/,
  },
  {
    what: 'a queue at a pod interface that drops what it gets',
    begin:
      'tc qdisc add dev $(ip -o route show proto 72 | grep -om1 "hd[0-9a-f]*") root pfifo limit 1',
    end: 'tc qdisc delete dev $(ip -o route show proto 72 | grep -om1 "hd[0-9a-f]*") root',
    fact: 'queues',
    state: 'problem',
    text: /other software has set queues on heddle's interfaces: hd[0-9a-f]+ of \S+ \(pfifo\)/,
  },
  {
    what: 'an XDP program at a pod interface that drops all',
    begin: `ip link set dev $(${podInterface}) xdpgeneric obj ${dropsAll} sec xdp`,
    end: `ip link set dev $(${podInterface}) xdpgeneric off`,
    fact: 'other-programs',
    state: 'problem',
    text: /programs of other software are attached where only packets of pods pass \(XDP of hd[0-9a-f]+ of \S+: program \d+\)/,
  },
  {
    what: "a filter in the block of what pods send, before heddle's own",
    begin: `tc filter add block ${podBlocks.ingress} pref 1 handle 2 protocol all bpf da bytecode '1,6 0 0 4294967295,'`,
    end: `tc filter delete block ${podBlocks.ingress} pref 1 handle 2 protocol all bpf`,
    fact: 'other-programs',
    state: 'note',
    text: /\(tc ingress of all pods' interfaces: filter bpf\): they may drop/,
  },
  {
    what: 'interfaces of another pod network',
    begin: 'ip link add cni0 type bridge',
    end: 'ip link delete cni0',
    fact: 'other-networks',
    state: 'note',
    text: /interfaces of the bridge plugin or flannel exist \(cni0\)/,
  },
  {
    what: 'a filter at an uplink that another network has left',
    begin: `tc qdisc add dev eth0 clsact &&
      tc filter add dev eth0 egress prio 1 protocol all bpf da bytecode '1,6 0 0 4294967295,'`,
    end: 'tc qdisc delete dev eth0 clsact',
    fact: 'other-programs',
    state: 'note',
    text: /may drop or redirect them \(tc egress of eth0: filter bpf\)/,
  },
];

const tunnelDeeds: readonly Deed[] = [
  {
    what: 'a queue at the VXLAN device that drops what it gets',
    begin: 'tc qdisc add dev heddle_vxlan root pfifo limit 1',
    end: 'tc qdisc delete dev heddle_vxlan root',
    fact: 'queues',
    state: 'problem',
    text: /other software has set queues on heddle's interfaces: heddle_vxlan \(pfifo\)/,
  },
  {
    what: 'an XDP program at the VXLAN device',
    begin: `ip link set dev heddle_vxlan xdpgeneric obj ${dropsAll} sec xdp`,
    end: 'ip link set dev heddle_vxlan xdpgeneric off',
    fact: 'other-programs',
    state: 'problem',
    text: /programs of other software are attached where only packets of pods pass \(XDP of heddle_vxlan: program \d+\)/,
  },
  {
    what: 'a filter at the VXLAN device',
    begin: `tc qdisc add dev heddle_vxlan clsact &&
      tc filter add dev heddle_vxlan ingress protocol all bpf da bytecode '1,6 0 0 4294967295,'`,
    end: 'tc qdisc delete dev heddle_vxlan clsact',
    fact: 'other-programs',
    state: 'note',
    text: /\(tc ingress of heddle_vxlan: filter bpf\)/,
  },
];

for (const mode of ['native', 'vxlan'] as const) {
  describe(`facts about the node, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods, settings: deedSettings });

    rootTest('an unmodified node has no findings', async () => {
      const facts = await everyFact(lab());
      assert.deepEqual(
        facts,
        nodeFacts.map(({ id }) => ({ id, state: 'ok' })),
      );
    });

    for (const deed of mode === 'native' ? deeds : tunnelDeeds) {
      rootTest(`${deed.what}: ${deed.fact} is a ${deed.state}`, () => shown(lab(), deed));
    }
  });
}
