// A lab's record for tests of the display and of the search for labs.

import type { LabRecord, PodRecord } from '../../src/lab/record.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

export function exampleLab(): LabRecord {
  return {
    name: 't',
    mode: 'native',
    source: '/manifests',
    createdAt: '2026-01-01T00:00:00.000Z',
    state: 'up',
    supervisor: { pid: 1, startTicks: 1 },
    switchNamespace: '/netns/switch',
    world: { namespacePath: '/netns/world', cgroup: '/cgroup/world', addresses: [] },
    nodes: [
      {
        name: 'node-1',
        addresses: [parseAddress('192.0.2.1')],
        podCidrs: [parsePrefix('198.51.100.0/24')],
        namespacePath: '/netns/node-1',
        cgroup: '/cgroup/node-1',
        socket: '/n1/agent.sock',
        config: '/n1/agent.yaml',
        conflist: '/n1/heddle.conflist',
        log: '/n1/agent.log',
        pins: '/pins/node-1',
        agent: { state: 'ready', pid: 7, restarts: 1 },
      },
    ],
    pods: [
      pod('shop', 'web-1', '198.51.100.2'),
      pod('other', 'web-1', '198.51.100.3'),
      { ...pod('shop', 'db-1'), state: 'waiting', problem: 'its process ended (exit code 1)' },
    ],
    problems: [],
    notes: [],
  };
}

function pod(namespace: string, name: string, ...addresses: string[]): PodRecord {
  return {
    namespace,
    name,
    node: 'node-1',
    containerId: '0',
    namespacePath: `/netns/${namespace}.${name}`,
    cgroup: `/cgroup/${namespace}.${name}`,
    addresses: addresses.map((text) => parseAddress(text)),
    log: '/log',
    state: 'running',
    echo: true,
  };
}
