// The agent as a process: killed, restarted, tampered with, refused a second time, uninstalled completely.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { FlowLine } from '../../src/api/flows.ts';
import type { NodeStatus } from '../../src/api/status.ts';
import { pinPaths } from '../../src/datapath/load/pins.ts';
import { BpfLink } from '../../src/kernel/bpf/link.ts';
import { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { gatewayMac } from '../../src/pods/interface/gateway.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  get,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { attachBesideFilters, pinLinks } from '../support/earlier-tcx.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

function writes({ tables }: NodeStatus): number {
  return tables.reduce((sum, { writes: { set, deleted } }) => sum + set + deleted, 0);
}

function restored({ tables }: NodeStatus, name: string): number | undefined {
  return tables.find((table) => table.name === name)?.writes.restored;
}

interface TwoPods {
  readonly first: {
    readonly path: string;
    ping(target: string): void;
    /** Runs for some 3 s; resolves with ping's output. */
    keepPinging(target: string): Promise<string>;
  };
  readonly addresses: readonly string[];
}

async function addTwoPods(context: TestContext, place: AgentPlace): Promise<TwoPods> {
  const pods = [podNamespace(context), podNamespace(context)];
  for (const [index, pod] of pods.entries()) {
    cni(place, { verb: 'ADD', containerId: `container-${index}`, netns: pod.path });
  }
  const views = JSON.parse((await get(place, '/v1/endpoints')).text) as EndpointView[];
  const [first] = pods;
  assert.ok(first);
  return {
    first: {
      path: first.path,
      ping: (target) => {
        const output = runIn(first.namespace, 'busybox', 'ping', '-c', '3', '-i', '0.01', target);
        assert.match(output, /3 packets received/);
      },
      keepPinging: (target) =>
        new Promise((resolve, reject) => {
          const options = ['-q', '-c', '1500', '-i', '0.002', '-W', '2'];
          const child = spawnIn(first.namespace, 'busybox', ['ping', ...options, target]);
          let text = '';
          child.stdout?.on('data', (chunk) => {
            text += String(chunk);
          });
          child.once('error', reject).once('close', () => resolve(text));
        }),
    },
    addresses: views[1]?.addresses ?? [],
  };
}

rootTest('pods are added, communicate, are shown and are deleted', async (context) => {
  const place = agentPlace(context);
  await startAgent(context, place);
  const { first, addresses } = await addTwoPods(context, place);
  for (const address of addresses) first.ping(address);
  const { health, endpoints, datapath } = await status(place);
  assert.deepEqual(health, { state: 'healthy', reasons: [], problems: [] });
  assert.equal(endpoints, 2);
  assert.equal(datapath.attachments, 5);
  await eventuallyPasses(async () => {
    const lines = (await get(place, '/v1/flows')).text.trimEnd().split('\n');
    const flows = lines.map((line) => JSON.parse(line) as FlowLine);
    const opened = flows.find((line) => line.kind === 'flow' && line.protocol === 'icmp');
    assert.ok(opened?.kind === 'flow');
    assert.equal(opened.from.pod?.name, 'web-1');
    assert.equal(opened.to.node, 'node-1');
  });
  const metrics = (await get(place, '/metrics')).text;
  assert.match(metrics, /^heddle_endpoints 2$/m);
  assert.match(metrics, /^heddle_cni_request_duration_seconds_count\{verb="ADD",code="0"\} 2$/m);
  assert.match(metrics, /^heddle_pod_packets_total\{direction="egress"\} [1-9]/m);
  const dump = JSON.parse((await get(place, '/v1/maps/addresses')).text) as { entries: object[] };
  assert.equal(dump.entries.length, 6);
  cni(place, { verb: 'DEL', containerId: 'container-0', netns: first.path });
  assert.equal((await status(place)).endpoints, 1);
});

rootTest('SIGUSR1 opens no debugger of the agent', async (context) => {
  const place = agentPlace(context);
  const agent = await startAgent(context, place);
  const listeners = (): string => runIn(place.namespace, 'ss', '-Hltn');
  const before = listeners();
  agent.process.kill('SIGUSR1');
  // Node.js opens its debugger within a few milliseconds.
  await setTimeout(500);
  assert.equal(listeners(), before);
  assert.doesNotMatch(before, /:9229/);
  assert.equal((await status(place)).health.state, 'healthy');
});

rootTest(
  'an ADD whose entries cannot be applied fails with the reason and leaves nothing',
  async (context) => {
    const place = agentPlace(context);
    await startAgent(context, place);
    const pod = podNamespace(context);
    runIn(place.namespace, 'ip', 'route', 'add', 'blackhole', '10.201.1.2/32');
    const add = (): string => cni(place, { verb: 'ADD', containerId: 'refused', netns: pod.path });
    assert.throws(add, (error: Error & { stdout?: string }) => {
      assert.match(error.stdout ?? '', /route add 10\.201\.1\.2\/32.*EEXIST/);
      return true;
    });
    const after = await status(place);
    assert.equal(after.endpoints, 0);
    assert.deepEqual(after.health, { state: 'healthy', reasons: [], problems: [] });
    assert.match(after.recentErrors.at(-1)?.text ?? '', /^CNI ADD shop\/web-1/);
    assert.doesNotMatch(runIn(place.namespace, 'ip', '-o', 'link'), /: hd[0-9a-f]/);
    await eventuallyPasses(() =>
      assert.doesNotMatch(runIn(place.namespace, 'ip', '-o', 'link'), /: hd/),
    );
    runIn(place.namespace, 'ip', 'route', 'del', 'blackhole', '10.201.1.2/32');
    assert.match(add(), /10\.201\.1\.\d+\/32/);
  },
);

rootTest("deleting a pod's interface removes its entries", async (context) => {
  const place = agentPlace(context);
  await startAgent(context, place);
  await addTwoPods(context, place);
  const [endpoint] = JSON.parse((await get(place, '/v1/endpoints')).text) as EndpointView[];
  runIn(place.namespace, 'ip', 'link', 'del', endpoint?.hostIfName ?? '');
  await eventuallyPasses(async () => {
    const now = await status(place);
    assert.equal(now.endpoints, 1);
    assert.equal(now.datapath.attachments, 3);
    assert.match(now.health.reasons.join(), /its interface hd[0-9a-f]+ is missing/);
  });
});

for (const mode of ['native', 'vxlan']) {
  rootTest(
    `killed under load (${mode}), the agent loses no packet, and restarted it writes nothing`,
    async (context) => {
      const place = agentPlace(
        context,
        `mode: ${mode}
`,
      );
      const agent = await startAgent(context, place);
      const { first, addresses } = await addTwoPods(context, place);
      const pinging = first.keepPinging(addresses[0] ?? '');
      assert.equal(await agent.end('SIGKILL'), 'SIGKILL');
      await setTimeout(300);
      const again = await startAgent(context, place);
      const after = await status(place);
      assert.equal(after.datapath.adopted, true);
      assert.equal(writes(after), 0, JSON.stringify(after.tables));
      assert.equal(after.endpoints, 2);
      assert.equal(await again.end('SIGTERM'), 0);
      assert.match(await pinging, /1500 packets received/);
    },
  );
}

rootTest('changed entries are restored within a period, counted and logged', async (context) => {
  const place = agentPlace(context);
  const agent = await startAgent(context, place);
  const { first, addresses } = await addTwoPods(context, place);
  const [address = ''] = addresses;
  runIn(place.namespace, 'ip', 'route', 'del', address);
  runIn(place.namespace, 'nft', 'delete', 'table', 'inet', 'heddle');
  {
    using link = BpfLink.openPinned(path.join(place.pinDir, 'links', 'eth0-from_network'));
    link.detach();
  }
  const addressesMap = path.join(place.pinDir, 'maps', 'addresses');
  const key = [...Array(10).fill(0), 255, 255, ...address.split('.').map(Number)].map(String);
  execFileSync('bpftool', ['map', 'delete', 'pinned', addressesMap, 'key', ...key]);
  await eventuallyPasses(async () => {
    const now = await status(place);
    for (const table of ['routes', 'nft', 'attachments', 'addresses']) {
      assert.equal(restored(now, table), 1, table);
    }
  });
  first.ping(address);
  const told = agent
    .log()
    .filter(({ msg }) => msg === 'restored an entry that another process changed');
  assert.deepEqual(told.map(({ table }) => table).sort(), [
    'addresses',
    'attachments',
    'nft',
    'routes',
  ]);
});

rootTest(
  'a record that is cut off is made again from what the kernel has: its pod keeps its network',
  async (context) => {
    const place = agentPlace(context);
    const agent = await startAgent(context, place);
    const { first, addresses } = await addTwoPods(context, place);
    const known = async (): Promise<readonly EndpointView[]> =>
      JSON.parse((await get(place, '/v1/endpoints')).text);
    const before = await known();
    await agent.end('SIGTERM');
    const records = path.join(place.stateDir, 'endpoints');
    for (const name of fs.readdirSync(records)) {
      fs.truncateSync(path.join(records, name), fs.statSync(path.join(records, name)).size - 4);
    }
    await startAgent(context, place);
    const addressesOf = (endpoints: readonly EndpointView[]): readonly object[] =>
      endpoints.map(({ id, addresses, mac, hostIfName, hostIfIndex, containerId }) => {
        return { id, addresses, mac, hostIfName, hostIfIndex, containerId };
      });
    const after = await known();
    assert.deepEqual(addressesOf(after), addressesOf(before));
    assert.ok(after.every(({ isRecovered }) => isRecovered));
    const { health, tables } = await status(place);
    assert.equal(health.reasons.length, 4);
    assert.match(health.reasons.join(), /set aside as hd.*, rebuilt from the kernel's state/);
    assert.match(
      health.reasons.join(),
      /was lost and has been rebuilt .* loses any limits and host ports/,
    );
    assert.ok(tables.every(({ writes: { deleted } }) => deleted === 0));
    for (const address of addresses) first.ping(address);
    for (const containerId of ['container-0', 'container-1']) {
      cni(place, { verb: 'DEL', containerId, netns: first.path });
    }
    await eventuallyPasses(() => {
      assert.doesNotMatch(runIn(place.namespace, 'ip', '-o', 'link'), /: hd/);
    });
  },
);

rootTest('an uplink that is deleted, recreated and readdressed is followed', async (context) => {
  const place = agentPlace(context, 'uplinks: [eth0, eth1]\n');
  await startAgent(context, place);
  const uplinks = async (): Promise<string[]> =>
    (await status(place)).datapath.uplinks.map(({ name, addresses }) => `${name} ${addresses[0]}`);
  runIn(place.namespace, 'ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'wire1');
  runIn(place.namespace, 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'eth1');
  await eventuallyPasses(async () => {
    assert.deepEqual(await uplinks(), ['eth0 10.200.0.11/24', 'eth1 192.0.2.1/24']);
    assert.ok(fs.existsSync(path.join(place.pinDir, 'links', 'eth1-from_network')));
  });
  runIn(place.namespace, 'ip', 'link', 'del', 'eth1');
  await eventuallyPasses(async () => {
    assert.deepEqual(await uplinks(), ['eth0 10.200.0.11/24']);
    assert.ok(!fs.existsSync(path.join(place.pinDir, 'links', 'eth1-from_network')));
  });
});

rootTest(
  'a second agent on the same node refuses to start and names the first',
  async (context) => {
    const place = agentPlace(context);
    const { process: first } = await startAgent(context, place);
    const refused = (): string =>
      runIn(place.namespace, process.execPath, heddle, 'agent', '-c', place.config);
    assert.throws(refused, /is in use by another heddle agent \(pid \d+\)/);
    assert.equal(first.exitCode, null);
  },
);

/** At both pods' interfaces, a different way at each. */
function leaveByTcx({ namespace, pinDir, stateDir }: AgentPlace, objectHash: string): void {
  const { links, programs } = pinPaths(pinDir);
  const program = (hook: string): BpfProgram =>
    BpfProgram.openPinned(path.join(programs(objectHash), hook));
  using socket = NetlinkSocket.open({ namespace });
  const [one, two] = fs
    .readdirSync(path.join(stateDir, 'endpoints'))
    .map((file) => path.parse(file).name)
    .map((ifName) => {
      const ifIndex = linkByName(socket, ifName)?.ifIndex ?? assert.fail();
      return { namespace, ifName, ifIndex, folder: links };
    });
  assert.ok(one && two);
  pinLinks(one, program);
  attachBesideFilters(two, program('from_pod'));
}

rootTest('uninstall leaves the node as it was before', async (context) => {
  const place = agentPlace(context, 'mode: vxlan\n');
  const before = trace(place);
  const agent = await startAgent(context, place);
  await addTwoPods(context, place);
  assert.notEqual(trace(place), before);
  // The capabilities that deploy/kubernetes/uninstall.yaml gives it.
  const drop = ['--bounding-set=-all,+bpf,+net_admin', '--inh-caps=-all'];
  const uninstall = (): string =>
    runIn(
      place.namespace,
      'setpriv',
      ...[...drop, process.execPath],
      ...[heddle, 'uninstall', '-c', place.config],
      ...['--bin-dir', place.folder, '--conf-dir', place.folder],
    );
  assert.throws(uninstall, /is in use by an agent \(pid \d+\): stop it first/);
  const { objectHash } = (await status(place)).datapath;
  await agent.end('SIGTERM');
  leaveByTcx(place, objectHash);
  // Interfaces that a DEL left for later deletion when the agent was stopped.
  const left = `link add hdx99 address ${gatewayMac} type veth peer name end`;
  runIn(place.namespace, 'ip', ...left.split(' '));
  const told = uninstall();
  assert.match(told, /^ +5 {2}tcx links$/m, told);
  assert.match(told, /^ +4 {2}interfaces$/m, told);
  assert.match(told, /^ +2 {2}neighbours$/m, told);
  assert.equal(trace(place), before);
  assert.ok(!fs.existsSync(place.pinDir));
  assert.ok(!fs.existsSync(place.stateDir));
  assert.equal(uninstall(), 'heddle has left nothing on this node\n');
});

rootTest('uninstall finds changed interfaces, and programs pinned elsewhere', async (context) => {
  const place = agentPlace(context);
  const before = trace(place);
  const agent = await startAgent(context, place);
  await addTwoPods(context, place);
  const [first = '', second = ''] = fs
    .readdirSync(path.join(place.stateDir, 'endpoints'))
    .map((file) => path.parse(file).name);
  runIn(place.namespace, 'ip', 'link', 'set', first, 'name', 'foo0');
  runIn(place.namespace, 'ip', 'link', 'set', second, 'address', '02:00:00:00:00:09');
  await agent.end('SIGKILL');
  const uninstall = (...more: readonly string[]): string => {
    const files = ['--bin-dir', place.folder, '--conf-dir', place.folder];
    const flags = ['uninstall', '-c', place.config, ...files, ...more];
    return runIn(place.namespace, process.execPath, heddle, ...flags);
  };
  assert.throws(() => uninstall('--pin-dir', `${place.pinDir}-other`), {
    status: 1,
    stdout: /^ +2 {2}interfaces$/m,
    stderr: /^eth0 ingress: from_network \(id \d+\)\nrun this again with/m,
  });
  assert.match(uninstall(), /tcx links$/m);
  assert.equal(trace(place), before);
});

rootTest(
  'uninstall removes the rest if a parameter cannot be restored, and leaves a folder in place of a socket',
  async (context) => {
    const place = agentPlace(context);
    const before = trace(place);
    const agent = await startAgent(context, place);
    await agent.end('SIGTERM');
    const file = path.join(place.stateDir, 'sysctls.json');
    const values = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, string>;
    fs.writeFileSync(file, JSON.stringify({ 'net/ipv4/conf/lo/forwarding': 'on', ...values }));
    const folder = path.join(place.folder, 'cluster');
    const files = ['--bin-dir', place.folder, '--conf-dir', place.folder, '--socket', folder];
    const words = [heddle, 'uninstall', '-c', place.config, ...files];
    assert.throws(() => runIn(place.namespace, process.execPath, ...words), {
      status: 1,
      stdout: /^ +\d+ {2}pinned maps$/m,
      stderr:
        /the kernel parameter net\/ipv4\/conf\/lo\/forwarding could not be restored: .*EINVAL/,
    });
    assert.equal(trace(place), before);
    assert.ok(!fs.existsSync(place.stateDir));
    assert.deepEqual(fs.readdirSync(folder), ['nodes.yaml']);
  },
);

/** If these folders are read-only. */
function uninstallReadOnly(
  { namespace, config }: AgentPlace,
  cni: string,
  folders: readonly string[],
): string {
  const mounts = folders.map(
    (folder) => `mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`,
  );
  const script = [...mounts, 'exec "$@"'].join(' && ');
  const words = [heddle, 'uninstall', '-c', config, '--bin-dir', cni, '--conf-dir', cni];
  const shell = ['-m', 'sh', '-c', script, 'sh', process.execPath];
  return runIn(namespace, 'unshare', ...shell, ...words);
}

rootTest(
  'uninstall reports files on a read-only file system, and removes the rest',
  async (context) => {
    const place = agentPlace(context);
    const before = trace(place);
    const agent = await startAgent(context, place);
    await agent.end('SIGTERM');
    const cni = path.join(place.folder, 'cni');
    fs.mkdirSync(cni);
    for (const name of ['heddle', '05-heddle.conflist']) fs.writeFileSync(path.join(cni, name), '');
    const refusals = ['05-heddle.conflist', 'cni/heddle', 'sysctls.json', 'agent.lock']
      .map((name) => `.*${name} could not be removed: EROFS: .*\n`)
      .join('(.*\n)*');
    assert.throws(() => uninstallReadOnly(place, cni, [cni, place.stateDir]), {
      status: 1,
      stdout: /^ +\d+ {2}pinned maps$/m,
      stderr: new RegExp(refusals),
    });
    assert.equal(trace(place), before);
    assert.ok(!fs.existsSync(place.pinDir));
    uninstallReadOnly(place, cni, []);
    assert.ok(!fs.existsSync(place.stateDir));
    assert.deepEqual(fs.readdirSync(cni), []);
  },
);

rootTest(
  'uninstall stops programs whose pins are on a read-only file system, and reports the pins',
  async (context) => {
    const place = agentPlace(context);
    const before = trace(place);
    const agent = await startAgent(context, place);
    await agent.end('SIGTERM');
    assert.throws(() => uninstallReadOnly(place, place.folder, [place.pinDir]), {
      status: 1,
      stdout: /^ +\d+ {2}files$/m,
      // And no program that still runs.
      stderr:
        /links\/\S+ could not be removed: EROFS: .*\n(.* could not be removed: EROFS: .*\n)*$/,
    });
    assert.equal(trace(place), before);
    assert.ok(!fs.existsSync(place.stateDir));
    uninstallReadOnly(place, place.folder, []);
    assert.ok(!fs.existsSync(place.pinDir));
  },
);

/** Everything on the node that an agent might leave behind. */
function trace({ namespace }: AgentPlace): string {
  return [
    ['ip', '-o', 'link'],
    ['ip', '-o', 'address'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'neigh', 'show', 'nud', 'all', 'proto', '73'],
    ['nft', 'list', 'ruleset'],
    [
      'sysctl',
      'net.ipv4.ip_forward',
      'net.ipv6.conf.all.forwarding',
      'net.ipv6.conf.eth0.accept_ra',
    ],
  ]
    .map(([command = '', ...args]) => runIn(namespace, command, ...args))
    .join('\n');
}
