import { endpointCollection } from '../../../../test/support/compute-desired.ts';
import { testFacts } from '../../../../test/support/fact-rows.ts';
import { eth0, link, links, podName, sound } from '../../../../test/support/sound-node.ts';
import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { OverlayDevice } from '../../../model/desired.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';

const overlay: OverlayDevice & { readonly ifIndex: IfIndex } = {
  ...{ name: 'heddle_vxlan', ifIndex: 9 as IfIndex },
  ...{ port: 4789, vni: 1, mtuBytes: 1450, underlay: 4 },
};

function withXdp(...names: readonly string[]): readonly ConfiguredLink[] {
  const all = [...links, link(5, 'docker0'), link(9, overlay.name)];
  return all.map((each) => (names.includes(each.name) ? { ...each, xdpProgram: 17 } : each));
}

const [endpoint] = sound.desired.endpoints.values();
const limited = endpoint && { ...endpoint, bandwidth: { egress: { bitsPerSecond: 1_000_000 } } };
const queue = limited && podQueue(limited);

testFacts([
  [
    'XDP at an uplink',
    'other-programs',
    { host: { links: withXdp('eth0') } },
    /^note: .*XDP of eth0: program 17\)/,
  ],
  [
    "XDP at a pod's interface",
    'other-programs',
    { host: { links: withXdp('eth0', podName) } },
    /^problem: programs of other software are attached where only packets of pods pass \(XDP of hd00000000001 of shop\/web-1: program 17\)/,
  ],
  [
    'XDP at the far end of a queue of a pod',
    'other-programs',
    {
      host: {
        links: [...links, link(queue?.farIfIndex ?? 0, queue?.farName ?? '', { xdpProgram: 17 })],
      },
      desired: { endpoints: endpointCollection(limited === undefined ? [] : [limited]) },
    },
    /^problem: .*\(XDP of hdr00000000001 of shop\/web-1: program 17\)/,
  ],
  [
    'XDP at the VXLAN device',
    'other-programs',
    { host: { links: withXdp(overlay.name) }, desired: { overlay } },
    /^problem: .*\(XDP of heddle_vxlan: program 17\)/,
  ],
  [
    'XDP at an interface of others',
    'other-programs',
    { host: { links: withXdp('docker0') } },
    undefined,
  ],
  [
    'tcx before ours',
    'other-programs',
    { kernel: { foreignPrograms: [{ ifIndex: eth0, hook: 'tcx ingress', what: 'program 5' }] } },
    /^note: .*tcx ingress of eth0: program 5/,
  ],
  [
    'a filter of tc, and one in a shared block',
    'other-programs',
    {
      kernel: {
        foreignPrograms: [
          { ifIndex: eth0, hook: 'tc egress', what: 'program 6' },
          { ifIndex: eth0, hook: 'tc ingress', what: 'filter flower' },
        ],
      },
    },
    /^note: .*tc egress of eth0: program 6, tc ingress of eth0: filter flower\)/,
  ],
  [
    "tcx at a pod's interface",
    'other-programs',
    {
      kernel: {
        foreignPrograms: [{ ifIndex: 7 as IfIndex, hook: 'tcx egress', what: 'program 5' }],
      },
    },
    /^note: .*\(tcx egress of hd00000000001 of shop\/web-1: program 5\): they may drop/,
  ],
  [
    "a filter in the block of pods' interfaces",
    'other-programs',
    { kernel: { foreignPrograms: [{ hook: 'tc ingress', what: 'filter flower' }] } },
    /^note: .*\(tc ingress of all pods' interfaces: filter flower\)/,
  ],
  [
    'a filter at the VXLAN device',
    'other-programs',
    {
      kernel: {
        foreignPrograms: [{ ifIndex: overlay.ifIndex, hook: 'tc ingress', what: 'filter bpf' }],
      },
      desired: { overlay },
    },
    /^note: .*\(tc ingress of heddle_vxlan: filter bpf\)/,
  ],
  [
    'a program at the cgroup of all pods',
    'other-programs',
    {
      kernel: { cgroupPrograms: ['inet4_connect of /sys/fs/cgroup: program cil_sock4_conne (12)'] },
    },
    /^note: programs of other software see what processes of pods send, receive or connect to \(inet4_connect of .*cil_sock4_conne \(12\)\)/,
  ],
]);
