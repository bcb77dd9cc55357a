// Invalid requests, through the real executable to a real agent: the answer to each, and that none changes anything.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { cniErrorCode } from '../../src/cni/error.ts';
import { type AgentPlace, agentPlace, podNamespace, startAgent } from '../support/agent-process.ts';
import { type ShimExecution, shimTo } from '../support/execute-shim.ts';
import { hostPort, malformedRequests, type WrittenRequest } from '../support/malformed-requests.ts';
import { nodeState, type StateOf, unchanged } from '../support/node-state.ts';
import { rootTest } from '../support/root-test.ts';

interface Node {
  readonly place: AgentPlace;
  readonly agentPid: number;
  /** Its namespace. It has 10.201.1.2 and a host port. */
  readonly resident: string;
  readonly free: string;
  readonly of: StateOf;
  execute(written: WrittenRequest): Promise<ShimExecution>;
}

/** With one pod; by default requests are for another pod's namespace. */
async function nodeWithPod(context: TestContext): Promise<Node> {
  const place = agentPlace(context, 'ipam: { excludedCidrs: [10.201.1.32/27] }\n');
  const { pid = 0 } = (await startAgent(context, place)).process;
  const [resident, free] = [podNamespace(context), podNamespace(context)];
  const execute = shimTo(place.socket, free.path);
  const added = await execute({
    environment: { CNI_CONTAINERID: 'resident', CNI_NETNS: resident.path },
    configuration: { runtimeConfig: { portMappings: [hostPort] } },
  });
  assert.equal(added.exitCode, 0, added.stdout);
  const of = { place, pid, pods: [resident.namespace, free.namespace] };
  return { place, agentPid: pid, resident: resident.path, free: free.path, of, execute };
}

interface Answer {
  readonly exitCode: number | null;
  readonly cniVersion: unknown;
  readonly code: number;
  readonly msg: string;
}

function answerOf({ exitCode, stdout }: ShimExecution): Answer {
  const { details: _, ...error } = JSON.parse(stdout) as Omit<Answer, 'exitCode'> & {
    readonly details?: string;
  };
  return { exitCode, ...error };
}

// An error is in the version of its request, if that can be read.
function versionOf({ environment: changes = {}, configuration = {} }: WrittenRequest): unknown {
  // Started by a person instead of a runtime, it must not wait for standard input.
  const isVerbless = 'CNI_COMMAND' in changes && !changes['CNI_COMMAND'];
  if (isVerbless) return '1.1.0';
  if (typeof configuration === 'string') return '1.1.0';
  const cniVersion = 'cniVersion' in configuration ? configuration['cniVersion'] : '1.0.0';
  return typeof cniVersion === 'string' ? cniVersion : '1.1.0';
}

rootTest(
  'malformed requests are refused with field, value and rule, and change nothing',
  async (context) => {
    const node = await nodeWithPod(context);
    const before = await nodeState(node.of);
    for (const { written, code, message } of malformedRequests) {
      const expected = { cniVersion: versionOf(written), code: cniErrorCode[code], msg: message };
      assert.deepEqual(answerOf(await node.execute(written)), { exitCode: 1, ...expected });
    }
    await unchanged(before, node.of);
  },
);

type Refusal = readonly [written: WrittenRequest, code: number, message: string];

const add = 'ADD container c0ffee eth0: ';
const environment = (changes: Readonly<Record<string, string>>): WrittenRequest => ({
  environment: changes,
});
const capability = (name: string, value: unknown): WrittenRequest => ({
  configuration: { runtimeConfig: { [name]: value } },
});
const check = (changes: Readonly<Record<string, string>>, prevResult: object): WrittenRequest => ({
  environment: { CNI_COMMAND: 'CHECK', ...changes },
  configuration: { prevResult },
});

/** Well formed, but refused because of the node's state. */
function refusedHere({ place, agentPid, resident, free }: Node): readonly Refusal[] {
  const nobodys =
    'cannot be used by a pod in 10.201.1.0/24: it is the network, node or broadcast address';
  const lacking = ['address 10.201.1.2', 'address fd00:201:1::2', 'interface eth0']
    .map((what) => `prevResult does not have its ${what}`)
    .join('; ');
  const much = 'x'.repeat(100_000);
  const tooLong = `/${'s'.repeat(108)}`;
  const own = `/proc/${agentPid}/ns/net`;
  const fixed = (address: string): WrittenRequest => capability('ips', [address]);
  const ports = (change: object): WrittenRequest =>
    capability('portMappings', [{ ...hostPort, ...change }]);
  return [
    [
      environment({ CNI_NETNS: '/run/netns/heddle-test-gone' }),
      8,
      `${add}CNI_NETNS: open /run/netns/heddle-test-gone: ENOENT`,
    ],
    [
      environment({ CNI_NETNS: '/etc/hostname' }),
      8,
      `${add}CNI_NETNS: open /etc/hostname: EINVAL (this is not a network namespace)`,
    ],
    [
      environment({ CNI_NETNS: '/etc' }),
      8,
      `${add}CNI_NETNS: open /etc: EINVAL (this is not a network namespace)`,
    ],
    [
      environment({ CNI_NETNS: own }),
      8,
      `${add}${own} is the network namespace of the node itself`,
    ],
    [
      environment({ CNI_IFNAME: 'lo' }),
      101,
      `ADD container c0ffee lo: interface lo already exists in ${free}`,
    ],
    [
      environment({ CNI_NETNS: resident }),
      101,
      `${add}interface eth0 already exists in ${resident}`,
    ],
    [
      environment({ CNI_CONTAINERID: 'resident', CNI_NETNS: resident }),
      101,
      `ADD container resident eth0: interface eth0 already exists in ${resident}`,
    ],
    [
      fixed('192.0.2.9'),
      7,
      `${add}fixed address 192.0.2.9: is in no pod range of this node (10.201.1.0/24)`,
    ],
    [fixed('10.201.1.0'), 7, `${add}fixed address 10.201.1.0: ${nobodys}`],
    [fixed('10.201.1.255'), 7, `${add}fixed address 10.201.1.255: ${nobodys}`],
    [
      fixed('10.201.1.40'),
      7,
      `${add}fixed address 10.201.1.40: is in 10.201.1.32/27 of ipam.excludedCidrs`,
    ],
    [
      fixed('10.201.1.2'),
      11,
      `${add}fixed address 10.201.1.2: another pod on this node has this address`,
    ],
    [
      fixed('fd00:201:2::9'),
      7,
      `${add}fixed address fd00:201:2::9: is in no pod range of this node (fd00:201:1::/64)`,
    ],
    [
      capability('mac', '02:68:65:64:64:6c'),
      7,
      `${add}fixed MAC 02:68:65:64:64:6c: this is the gateway's MAC in every pod`,
    ],
    [ports({}), 103, `${add}host port tcp 8080 is used by container resident`],
    [
      ports({ hostIP: '192.0.2.1' }),
      103,
      `${add}host port tcp 192.0.2.1 8080 is used by container resident`,
    ],
    [check({}, {}), 3, 'CHECK container c0ffee eth0: this node has no such endpoint'],
    [
      check({ CNI_CONTAINERID: 'resident', CNI_IFNAME: 'eth1' }, {}),
      3,
      'CHECK container resident eth1: this node has no such endpoint',
    ],
    [
      check({ CNI_CONTAINERID: 'resident', CNI_NETNS: resident }, {}),
      100,
      `CHECK container resident eth0: ${lacking}`,
    ],
    [
      check({ CNI_CONTAINERID: 'resident', CNI_NETNS: '/etc/hostname' }, {}),
      8,
      'CHECK container resident eth0: CNI_NETNS: open /etc/hostname: EINVAL (this is not a network namespace)',
    ],
    [
      { configuration: ' '.repeat((8 << 20) + 1) },
      6,
      'network configuration on standard input: longer than 8 MiB',
    ],
    [
      environment(Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`CNI_${at}`, much]))),
      4,
      'CNI_* environment: longer than 1 MiB',
    ],
    [
      environment({ HEDDLE_SOCKET: `${place.socket}.gone` }),
      11,
      `ADD: connect to the Heddle agent at ${place.socket}.gone.cni: No such file or directory`,
    ],
    [environment({ HEDDLE_SOCKET: tooLong }), 4, `HEDDLE_SOCKET: ${tooLong} is too long`],
    [
      { environment: { HEDDLE_SOCKET: '' }, configuration: { agentSocket: 7 } },
      7,
      'network configuration: agentSocket is not a socket path',
    ],
  ];
}

rootTest(
  'requests that this node cannot satisfy are refused and change nothing',
  async (context) => {
    const node = await nodeWithPod(context);
    const before = await nodeState(node.of);
    for (const [written, code, msg] of refusedHere(node)) {
      const expected = { exitCode: 1, cniVersion: versionOf(written), code, msg };
      assert.deepEqual(answerOf(await node.execute(written)), expected);
    }
    await unchanged(before, node.of);
  },
);
