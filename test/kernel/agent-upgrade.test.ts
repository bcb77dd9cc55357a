// An agent that comes with other maps than those that run: the entries are carried over, and no packet is lost meanwhile.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EndpointView } from '../../src/agent/api-types.ts';
import { BlockAttacher } from '../../src/datapath/block-attach.ts';
import { installObject } from '../../src/datapath/loader-install.ts';
import { pinPaths } from '../../src/datapath/pins.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { BpfProgram } from '../../src/kernel/program.ts';
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
import { rootTest } from '../support/root-test.ts';

const sources = fileURLToPath(new URL('../../../bpf', import.meta.url));

/** The data path as another version might have it: fields in other places, values of other sizes. */
function otherVersion(folder: string): Uint8Array {
  const copy = join(folder, 'bpf');
  fs.cpSync(sources, copy, { recursive: true });
  const header = join(copy, 'shared.h');
  const changes: readonly (readonly [string, string])[] = [
    ['struct location {\n', 'struct location {\n\t__u64 generation;\n'],
    ['struct endpoint {\n', 'struct endpoint {\n\t__u64 generation;\n'],
    ['struct route {\n', 'struct route {\n\t__u64 generation;\n'],
    ['struct flow {\n', 'struct flow {\n\t__u64 generation;\n'],
    ['struct drop_counter {\n', 'struct drop_counter {\n\t__u64 last_ns;\n'],
  ];
  let text = fs.readFileSync(header, 'utf8');
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), from);
    text = text.replace(from, to);
  }
  fs.writeFileSync(header, text);
  const object = join(copy, 'other.o');
  const multiarch = execFileSync('clang', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const words = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g', `-I/usr/include/${multiarch}`];
  execFileSync('clang', [...words, '-c', join(copy, 'datapath.bpf.c'), '-o', object]);
  return fs.readFileSync(object);
}

/** As an agent of that version would have left it: its maps pinned, its programs at the pods' interfaces. */
function runOtherVersion(place: AgentPlace, endpoints: readonly EndpointView[]): readonly string[] {
  const paths = pinPaths(place.pinDir);
  const { objectHash, replaced } = installObject(
    {
      object: otherVersion(place.folder),
      sizes: { endpointEntries: 16, addressEntries: 256, routeEntries: 64, flowEntries: 1024 },
      constants: { events_per_second_per_cpu: 1000 },
    },
    paths,
  );
  using socket = NetlinkSocket.open({ namespace: place.namespace });
  const opened: BpfProgram[] = [];
  const program = (hook: string): BpfProgram => {
    const found = BpfProgram.openPinned(join(paths.programs(objectHash), hook));
    opened.push(found);
    return found;
  };
  const attacher = new BlockAttacher({ socket, program });
  for (const { hostIfName: ifName, hostIfIndex } of endpoints) {
    for (const hook of ['from_pod', 'to_pod'] as const) {
      attacher.attach({ ifName, ifIndex: hostIfIndex as IfIndex, hook });
    }
  }
  for (const each of opened) each[Symbol.dispose]();
  return replaced;
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

    const there = runOtherVersion(place, endpoints);
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
    assert.deepEqual(after.health, { state: 'healthy', reasons: [] });
    const written = after.tables.filter(({ writes: { set, deleted } }) => set + deleted > 0);
    assert.deepEqual(
      written.map(({ name }) => name),
      ['attachments'],
      'every entry was there already',
    );
    await done;
    assert.match(pinged, /1500 packets transmitted, 1500 packets received/);
  },
);
