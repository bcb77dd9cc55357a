// Keeps the processes of a cgroup from connecting to a port, until Ctrl-C.
// Usage: node dist/examples/ebpf/block-port.js CGROUP PORT      (CGROUP: a folder in the cgroup v2 hierarchy)

import { readFileSync } from 'node:fs';
import { UndoStack } from '../../src/base/undo.ts';
import { attachCgroup } from '../../src/kernel/bpf/attach/cgroup.ts';
import type { CgroupAttachType } from '../../src/kernel/bpf/attach-type.ts';
import type { MapSpec } from '../../src/kernel/bpf/map.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import { u32, u64 } from '../../src/kernel/codec.ts';
import { parsePort } from '../../src/net/port.ts';

const refusals: MapSpec<number, number> = {
  name: 'refusals',
  type: 'array',
  key: u32,
  value: u64,
  maxEntries: 1,
};

const hooks: Readonly<Record<string, CgroupAttachType>> = {
  block_connect4: 'cgroup_inet4_connect',
  block_connect6: 'cgroup_inet6_connect',
  block_sendmsg4: 'cgroup_udp4_sendmsg',
  block_sendmsg6: 'cgroup_udp6_sendmsg',
};

async function main(cgroup: string, port: number): Promise<void> {
  using object = BpfObject.open(readFileSync(new URL('block-port.bpf.o', import.meta.url)), {
    name: 'block',
  });
  object.setConstant('blocked_port', port);
  object.load();
  using map = object.map(refusals);
  using attached = new UndoStack();
  for (const [name, attachType] of Object.entries(hooks)) {
    using program = object.program(name); // the link keeps the program loaded
    attached.use(attachCgroup({ program, cgroup, attachType }));
  }
  console.log(`port ${port} is blocked for ${cgroup}`);
  // A signal listener alone does not keep Node running.
  const awake = setInterval(() => undefined, 60_000);
  await new Promise((resolve) => process.once('SIGINT', resolve));
  clearInterval(awake);
  console.log(`${map.get(0)} attempts were refused`);
}

const [, , cgroup = '', port = ''] = process.argv;
await main(cgroup, parsePort(port));
