// The loader and the attachments with a real kernel: the state after a restart, an upgrade, and changes by other
// programs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { LinkAttacher } from '../../src/datapath/attach/links.ts';
import { detachAll } from '../../src/datapath/attach/pinned-link.ts';
import type { InterfaceAttachment } from '../../src/datapath/attacher.ts';
import {
  type Flow,
  type FlowKey,
  flowPath,
  locationKind,
  maps,
  programNames,
} from '../../src/datapath/generated.ts';
import { hookPoints } from '../../src/datapath/hooks.ts';
import { installObject } from '../../src/datapath/load/install.ts';
import {
  type Datapath,
  type LoadOptions,
  loadDatapath,
  readDatapathObject,
} from '../../src/datapath/load/loader.ts';
import { linkPinName, pinPaths } from '../../src/datapath/load/pins.ts';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { BpfLink } from '../../src/kernel/bpf/link.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { mapCalls } from '../../src/kernel/bpf/map-calls.ts';
import { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { sweepFlows, sweptKeyCodec } from '../../src/observe/flow-sweep.ts';
import { unknownEnds } from '../support/flow-ends.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { compiledWith } from '../support/other-version.ts';
import { testPinFolder } from '../support/pin-folder.ts';
import { rootTest } from '../support/root-test.ts';

const address = parseAddress('192.0.2.7');
const location = {
  kind: locationKind.host,
  ifindex: 0,
  endpointId: 0,
  queued: 0,
};

function loadOptions(pinDir: string): LoadOptions {
  return {
    pinDir,
    object: readDatapathObject(),
    sizes: { endpointEntries: 16, addressEntries: 128, routeEntries: 64, flowEntries: 1024 },
    constants: { events_per_second_per_cpu: 100 },
  };
}

function attacher(datapath: Datapath): LinkAttacher {
  return new LinkAttacher({
    folder: datapath.paths.links,
    hooks: hookPoints,
    program: (hook) => datapath.program(hook),
  });
}

rootTest(
  'a first start loads and pins; the next one adopts entries and programs unchanged',
  (context) => {
    const options = loadOptions(testPinFolder(context));
    const first = loadDatapath(options);
    assert.equal(first.adopted, false);
    assert.equal(first.maps.addresses.maxEntries, 128);
    assert.equal(first.maps.endpointCounters.maxEntries, 17);
    first.maps.addresses.set(address, location);
    const programId = first.program('from_pod').info().id;
    first[Symbol.dispose]();
    using second = loadDatapath(options);
    assert.equal(second.adopted, true);
    assert.equal(second.objectHash, first.objectHash);
    assert.equal(second.program('from_pod').info().id, programId);
    assert.deepEqual(second.maps.addresses.get(address), location);
  },
);

rootTest('a link whose pin is out of reach is found and pinned again', (context) => {
  const namespace = testNamespace(context);
  runIn(namespace, 'ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'far0');
  using datapath = loadDatapath(loadOptions(testPinFolder(context)));
  namespace.run(() => {
    using socket = NetlinkSocket.open();
    const ifIndex = linkByName(socket, 'up0')?.ifIndex;
    assert.ok(ifIndex !== undefined);
    const attachment = {
      target: 'interface',
      ifName: 'up0',
      ifIndex,
      hook: 'from_network',
    } as const;
    const links = attacher(datapath);
    links.attach(attachment);
    const before = queryTcx(ifIndex, 'ingress');
    const pin = join(datapath.paths.links, linkPinName(attachment));
    {
      // A bpf file system does the same if it is unmounted while a descriptor keeps it.
      using _held = BpfLink.openPinned(pin);
      fs.unlinkSync(pin);
      links.attach(attachment);
    }
    assert.deepEqual(queryTcx(ifIndex, 'ingress'), before);
    assert.deepEqual(links.list(), [{ ...attachment, current: true }]);
    assert.equal(detachAll(datapath.paths.links, assert.fail), 1);
  });
});

rootTest('a start interrupted while pinning is completed by the next', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  first[Symbol.dispose]();
  fs.unlinkSync(join(first.paths.programs(first.objectHash), 'to_pod'));
  fs.unlinkSync(first.paths.map('drop_counters'));
  using second = loadDatapath(options);
  assert.equal(second.adopted, false);
  assert.equal(
    fs.readdirSync(second.paths.programs(second.objectHash)).length,
    programNames.length,
  );
});

rootTest('each map without a pin is created again, named, and used by new programs', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  first.maps.addresses.set(address, location);
  const names = fs.readdirSync(join(first.paths.root, 'maps'));
  first[Symbol.dispose]();
  for (const name of names) {
    fs.unlinkSync(first.paths.map(name));
    using next = loadDatapath(options);
    assert.deepEqual(
      [next.adopted, next.replaced],
      [false, [`${name}: was not pinned, created again`]],
    );
    using map = BpfProgram.openPinned(next.paths.map(name));
    const used = programNames.flatMap((program) => next.program(program).mapIds());
    assert.ok(used.includes(mapCalls.info(map.fd).id), name);
    if (name !== 'addresses') next.maps.addresses.set(address, location);
    assert.deepEqual(next.maps.addresses.get(address), name === 'addresses' ? undefined : location);
  }
  using last = loadDatapath(options);
  assert.deepEqual([last.adopted, last.replaced], [true, []]);
});

rootTest('folders, symbolic links and foreign pins among the pins are no obstacle', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  first[Symbol.dispose]();
  const { paths, objectHash } = first;
  const programs = paths.programs(objectHash);
  fs.mkdirSync(paths.map('foreign'));
  fs.mkdirSync(join(paths.allPrograms, 'other', 'folder'), { recursive: true });
  fs.unlinkSync(paths.map('routes'));
  fs.mkdirSync(join(paths.map('routes'), 'folder'), { recursive: true });
  fs.unlinkSync(paths.map('flows'));
  fs.symlinkSync('nowhere', paths.map('flows'));
  fs.unlinkSync(join(programs, 'to_pod'));
  fs.mkdirSync(join(programs, 'to_pod', 'folder'), { recursive: true });
  using second = loadDatapath(options);
  assert.deepEqual(second.replaced, [
    'routes: was not pinned, created again',
    'flows: was not pinned, created again',
  ]);
  assert.deepEqual(fs.readdirSync(paths.allPrograms), [objectHash]);
  fs.renameSync(join(programs, 'to_pod'), join(programs, 'kept'));
  fs.renameSync(join(programs, 'from_pod'), join(programs, 'to_pod'));
  fs.renameSync(join(programs, 'kept'), join(programs, 'from_pod'));
  using third = loadDatapath(options);
  assert.equal(third.adopted, false, 'two programs changed places');
  assert.equal(third.program('to_pod').name, 'to_pod');
  using fourth = loadDatapath(options);
  assert.equal(fourth.adopted, true);
});

rootTest('whatever is in place of a link pin is replaced', (context) => {
  const datapath = loadDatapath(loadOptions(testPinFolder(context)));
  context.after(() => datapath[Symbol.dispose]());
  const { attachments, inside } = vethPair(context);
  const [sending, receiving] = attachments.map((attachment) =>
    join(datapath.paths.links, linkPinName(attachment)),
  );
  assert.ok(sending !== undefined && receiving !== undefined);
  fs.mkdirSync(join(sending, 'folder'), { recursive: true });
  fs.symlinkSync('nowhere', receiving);
  const links = attacher(datapath);
  assert.deepEqual(links.list(), []);
  assert.deepEqual(
    inside(() => links.attachAll(attachments)),
    [undefined, undefined],
  );
  assert.equal(links.list().filter(({ current }) => current).length, 2);
});

rootTest('a map in place of a link pin is not a link', (context) => {
  const datapath = loadDatapath(loadOptions(testPinFolder(context)));
  context.after(() => datapath[Symbol.dispose]());
  const { attachments, inside } = vethPair(context);
  const links = attacher(datapath);
  for (const attachment of attachments)
    datapath.maps.routes.pin(join(datapath.paths.links, linkPinName(attachment)));
  assert.deepEqual(links.list(), []);
  assert.deepEqual(
    inside(() => links.attachAll(attachments)),
    [undefined, undefined],
  );
  assert.equal(links.list().filter(({ current }) => current).length, 2);
  for (const attachment of attachments) links.detach(attachment);
  assert.deepEqual(fs.readdirSync(datapath.paths.links), []);
});

rootTest('programs whose maps differ from the pinned ones are not adopted', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  const other = loadDatapath(loadOptions(testPinFolder(context)));
  const path = first.paths.map('routes');
  fs.unlinkSync(path);
  other.maps.routes.pin(path);
  first[Symbol.dispose]();
  other[Symbol.dispose]();
  using next = loadDatapath(options);
  assert.equal(next.adopted, false);
  using again = loadDatapath(options);
  assert.equal(again.adopted, true);
});

rootTest('a map of another size is replaced by one with the same entries', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  first.maps.addresses.set(address, location);
  first.maps.dropCounters.setAll(3, { packets: 5, bytes: 700 });
  first[Symbol.dispose]();
  const sizes = { endpointEntries: 32, addressEntries: 256, routeEntries: 64, flowEntries: 4096 };
  using second = loadDatapath({ ...options, sizes });
  assert.equal(second.adopted, false);
  assert.deepEqual(second.replaced, [
    'endpoints: 16 -> 32 entries, 0 entries carried over',
    'addresses: 128 -> 256 entries, 1 entries carried over',
    'flows: 1024 -> 4096 entries, 0 entries carried over',
    'endpoint_counters: 17 -> 33 entries, 17 entries carried over',
  ]);
  assert.equal(second.maps.flows.maxEntries, 4096);
  assert.deepEqual(second.maps.addresses.get(address), location);
  assert.equal(second.maps.dropCounters.get(3)?.[0]?.packets, 5, 'this map fitted and stayed');
  using third = loadDatapath({ ...options, sizes });
  assert.equal(third.adopted, true);
  assert.deepEqual(fs.readdirSync(third.paths.allPrograms), [third.objectHash]);
});

rootTest('the generation of the tables continues over restarts and replaced maps', (context) => {
  const options = loadOptions(testPinFolder(context));
  {
    using first = loadDatapath(options);
    first.maps.tableGeneration.set(0, 77);
  }
  {
    using second = loadDatapath(options);
    assert.equal(second.maps.tableGeneration.get(0), 77);
  }
  const sizes = { ...options.sizes, addressEntries: 256, flowEntries: 2048 };
  using third = loadDatapath({ ...options, sizes });
  assert.equal(third.adopted, false);
  assert.equal(third.maps.tableGeneration.get(0), 77);
});

rootTest('a number with more or fewer bytes in another version keeps its value', (context) => {
  const options = loadOptions(testPinFolder(context));
  const folder = fs.mkdtempSync(join(tmpdir(), 'heddle-other-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  const other = compiledWith(
    folder,
    (header) => {
      const wide = header
        .replace(/(FLOW_THROUGH_STACK = 1.*\n\}) __attribute__\(\(packed\)\);/, '$1;')
        .replace('__u8 tcp_flags[2];', '__u32 tcp_flags[2];');
      assert.equal(wide.length, header.length - ' __attribute__((packed))'.length + 1);
      return wide;
    },
    'shared-flow.h',
  );
  const key: FlowKey = {
    ...{ low: address, high: parseAddress('192.0.2.9'), lowPort: 40000, highPort: 80 },
    protocol: protocols.tcp,
  };
  const flow: Flow = {
    ...unknownEnds,
    ...{
      createdNs: 1e9,
      lastSeenNs: 2e9,
      bytes: [10, 20],
      packets: [1, 2],
      tcpFlags: [0x12, 0x1b],
    },
    ...{ initiator: 1, state: 0, ifindex: 1, direction: 1, path: flowPath.throughStack },
  };
  {
    using first = loadDatapath(options);
    first.maps.flows.set(key, flow);
  }
  const { replaced } = installObject(
    { ...options, object: other.object },
    pinPaths(options.pinDir),
  );
  assert.match(replaced.join(), /^flows: value 104 -> \d+ bytes, 1 entries carried over$/);
  using second = loadDatapath(options);
  assert.match(second.replaced.join(), /^flows: value \d+ -> 104 bytes, 1 entries carried over$/);
  assert.deepEqual(second.maps.flows.get(key), flow);
});

rootTest('a size smaller than the entries in use is refused, and nothing is changed', (context) => {
  const options = loadOptions(testPinFolder(context));
  const first = loadDatapath(options);
  for (let host = 1; host <= 100; host++) {
    first.maps.addresses.set(parseAddress(`192.0.2.${host}`), location);
  }
  first[Symbol.dispose]();
  const sizes = { ...options.sizes, addressEntries: 64 };
  assert.throws(() => loadDatapath({ ...options, sizes }), {
    name: 'InputError',
    message:
      /^configuration: addressEntries: 64 is too small for the entries in use: 100 entries of addresses/,
  });
  using again = loadDatapath(options);
  assert.equal(again.adopted, true, 'the refusal changed nothing');
  assert.equal(again.maps.addresses.count(), 100);
});

rootTest(
  'a pin of another kind of map is replaced by an empty map of the right kind',
  (context) => {
    const options = loadOptions(testPinFolder(context));
    const first = loadDatapath(options);
    const routes = first.paths.map('routes');
    fs.unlinkSync(routes);
    first.maps.addresses.pin(routes);
    first[Symbol.dispose]();
    using second = loadDatapath(options);
    assert.deepEqual(second.replaced, ['routes: hash -> lpm_trie, 0 entries carried over']);
    assert.equal(second.maps.routes.count(), 0);
  },
);

function vethPair(context: TestContext): {
  attachments: InterfaceAttachment[];
  inside: <T>(fn: () => T) => T;
} {
  const namespace = testNamespace(context);
  runIn(namespace, 'ip', 'link', 'add', 'up0.5', 'type', 'veth', 'peer', 'name', 'far');
  using socket = NetlinkSocket.open({ namespace });
  const ifIndex = linkByName(socket, 'up0.5')?.ifIndex;
  assert.ok(ifIndex);
  const attachments: InterfaceAttachment[] = [
    { target: 'interface', ifName: 'up0.5', ifIndex, hook: 'from_pod' },
    { target: 'interface', ifName: 'up0.5', ifIndex, hook: 'to_pod' },
  ];
  return { attachments, inside: (fn) => namespace.run(fn) };
}

rootTest(
  'attached programs are listed as current, survive the process and are not changed again',
  (context) => {
    const options = loadOptions(testPinFolder(context));
    const { attachments, inside } = vethPair(context);
    const first = loadDatapath(options);
    inside(() => {
      for (const attachment of attachments) attacher(first).attach(attachment);
    });
    first[Symbol.dispose]();
    using second = loadDatapath(options);
    assert.deepEqual(
      attacher(second).list(),
      attachments.map((attachment) => ({ ...attachment, current: true })),
    );
    const ifIndex = attachments[0]?.ifIndex;
    assert.ok(ifIndex);
    inside(() => {
      assert.equal(queryTcx(ifIndex, 'ingress').length, 1);
      assert.equal(queryTcx(ifIndex, 'egress').length, 1);
    });
    inside(() => assert.equal(detachAll(second.paths.links, assert.fail), 2));
    inside(() => assert.equal(queryTcx(ifIndex, 'ingress').length, 0));
    assert.deepEqual(attacher(second).list(), []);
  },
);

rootTest(
  'an upgrade replaces the program of each link in place and drops the old ones',
  (context) => {
    const options = loadOptions(testPinFolder(context));
    const { attachments, inside } = vethPair(context);
    const [ingress] = attachments;
    assert.ok(ingress);
    const old = loadDatapath(options);
    inside(() => attacher(old).attach(ingress));
    old.maps.addresses.set(address, location);
    old[Symbol.dispose]();
    using changed = loadDatapath({ ...options, constants: { events_per_second_per_cpu: 7 } });
    assert.equal(changed.adopted, false);
    assert.notEqual(changed.objectHash, old.objectHash);
    assert.deepEqual(changed.maps.addresses.get(address), location, 'on the same maps');
    const upgrading = attacher(changed);
    assert.deepEqual(upgrading.list(), [{ ...ingress, current: false }]);
    inside(() => {
      const [before] = queryTcx(ingress.ifIndex, 'ingress');
      upgrading.attach(ingress);
      const [after] = queryTcx(ingress.ifIndex, 'ingress');
      assert.equal(after?.linkId, before?.linkId, 'the same link');
      assert.equal(after?.programId, changed.program('from_pod').info().id);
    });
    assert.deepEqual(upgrading.list(), [{ ...ingress, current: true }]);
    assert.deepEqual(fs.readdirSync(changed.paths.allPrograms), [changed.objectHash]);
  },
);

rootTest(
  'a link detached by hand, or whose interface was deleted, is found and restored',
  (context) => {
    const options = loadOptions(testPinFolder(context));
    const { attachments, inside } = vethPair(context);
    const [ingress, egress] = attachments;
    assert.ok(ingress && egress);
    using datapath = loadDatapath(options);
    const tcx = attacher(datapath);
    inside(() => {
      tcx.attach(ingress);
      tcx.attach(egress);
    });
    {
      using link = BpfLink.openPinned(join(datapath.paths.links, linkPinName(ingress)));
      link.detach();
    }
    assert.deepEqual(
      tcx.list().map(({ hook, current }) => `${hook} ${current}`),
      ['from_pod false', 'to_pod true'],
    );
    inside(() => tcx.attach(ingress));
    assert.deepEqual(
      tcx.list().map(({ current }) => current),
      [true, true],
    );
    tcx.detach(egress);
    tcx.detach(egress);
    assert.equal(tcx.list().length, 1);
  },
);

rootTest('the pin of a link whose interface was deleted is removed like any other', (context) => {
  const options = loadOptions(testPinFolder(context));
  const namespace = testNamespace(context);
  runIn(namespace, 'ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'far');
  using socket = NetlinkSocket.open({ namespace });
  const ifIndex = linkByName(socket, 'up0')?.ifIndex;
  assert.ok(ifIndex);
  using datapath = loadDatapath(options);
  const tcx = attacher(datapath);
  const attachment = { target: 'interface', ifName: 'up0', ifIndex, hook: 'from_network' } as const;
  namespace.run(() => tcx.attach(attachment));
  runIn(namespace, 'ip', 'link', 'del', 'up0');
  assert.deepEqual(tcx.list(), [{ ...attachment, ifIndex: 0, current: false }]);
  tcx.detach(attachment);
  assert.deepEqual(fs.readdirSync(datapath.paths.links), []);
});

rootTest(
  'the sweep removes idle flows from the real table and keeps the others',
  async (context) => {
    using datapath = loadDatapath(loadOptions(testPinFolder(context)));
    const nowNs = 500_000e9;
    const key = (port: number): FlowKey => ({
      low: address,
      high: parseAddress('192.0.2.9'),
      lowPort: port,
      highPort: 53,
      protocol: protocols.udp,
    });
    const flow = (idleSeconds: number): Flow => ({
      ...unknownEnds,
      createdNs: 1e9,
      lastSeenNs: nowNs - idleSeconds * 1e9,
      bytes: [10, 20],
      packets: [1, 2],
      tcpFlags: [0, 0],
      initiator: 0,
      state: 0,
      ifindex: 1,
      direction: 0,
      path: 0,
    });
    for (let port = 1; port <= 600; port++)
      datapath.maps.flows.set(key(port), flow(port % 2 ? 5 : 90));
    const told: FlowKey[] = [];
    using table = BpfMap.openPinned(datapath.paths.map('flows'), {
      ...maps.flows,
      key: sweptKeyCodec,
    });
    const report = await sweepFlows({
      table,
      nowNs,
      onIdle: (idle) => told.push(idle),
      pause: async () => undefined,
    });
    assert.deepEqual(report, { entries: 300, deleted: 300 });
    assert.ok(told.every(({ lowPort }) => lowPort % 2 === 0));
    assert.equal(datapath.maps.flows.count(), 300);
  },
);
