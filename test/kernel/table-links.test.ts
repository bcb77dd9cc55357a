import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkAddressTable } from '../../src/datapath/host/link-addresses.ts';
import { linkTable } from '../../src/datapath/host/overlay-device.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { overlayDeviceName, ownMacs } from '../../src/model/ids.ts';
import { parseAddress } from '../../src/net/address.ts';
import { rootTest } from '../support/root-test.ts';
import { assertContract, assertListed, place } from '../support/table-contract.ts';

const overlay = {
  name: overlayDeviceName,
  port: 4789,
  mac: ownMacs.overlay,
  mtuBytes: 1450,
  sound: true,
};

rootTest('the VXLAN device is created, kept, restored and removed', (context) => {
  const { socket, ip } = place(context);
  const table = linkTable(socket);
  assertContract(table, [overlay]);
  table.set([overlay]);
  const made = linkByName(socket, overlayDeviceName);
  assert.deepEqual(
    [made?.up, made?.noArp, made?.mac, made?.mtuBytes, made?.addrGenMode],
    [true, true, ownMacs.overlay, 1450, 'none'],
  );
  assert.equal(ip('-6', 'address', 'show', 'dev', overlayDeviceName), '', 'no link-local address');
  for (const tampering of [
    ['mtu', '1400'],
    ['down'],
    ['address', '02:00:5e:10:00:07'],
    ['arp', 'on'],
  ]) {
    ip('link', 'set', overlayDeviceName, ...tampering);
    const found = table.list(new Map()).get(overlayDeviceName);
    assert.ok(found !== undefined && !table.equal(found, overlay), tampering.join(' '));
    assert.deepEqual(table.set([overlay]), []);
    assertListed(table, new Map([[overlayDeviceName, overlay]]));
  }
  assert.equal(linkByName(socket, overlayDeviceName)?.ifIndex, made?.ifIndex);
});

rootTest(
  'a VXLAN device with another port or of another kind is replaced by the right one',
  (context) => {
    const { socket, ip } = place(context);
    const table = linkTable(socket);
    table.set([overlay]);
    const moved = { ...overlay, port: 4790 };
    assert.deepEqual(table.set([moved]), []);
    assertListed(table, new Map([[overlayDeviceName, moved]]));
    ip('link', 'delete', overlayDeviceName);
    ip('link', 'add', overlayDeviceName, 'type', 'bridge');
    assert.deepEqual(table.set([overlay]), []);
    assertListed(table, new Map([[overlayDeviceName, overlay]]));
  },
);

rootTest('if the tunnel port is in use, the error names port and holder', (context) => {
  const { namespace, socket, ip } = place(context);
  const table = linkTable(socket);
  const failure = (): string =>
    namespace.run(() => table.set([overlay])[0]?.error.message) ?? assert.fail('no error');
  for (const options of [['external'], ['id', '77', 'local', '198.51.100.1']]) {
    ip('link', 'add', 'flannel.77', 'type', 'vxlan', ...options, 'dstport', '4789');
    ip('link', 'set', 'flannel.77', 'up');
    assert.match(
      failure(),
      /^link (add|set) vxlan heddle_vxlan port 4789: (EADDRINUSE|EEXIST) \(UDP port 4789 is used by the VXLAN device flannel\.77 \(VNI \d+\); set `vxlan\.port`/,
    );
    ip('link', 'delete', 'flannel.77');
    assert.deepEqual(table.set([overlay]), []);
    ip('link', 'delete', overlayDeviceName);
  }
  const code = `require('node:dgram').createSocket('udp4').bind(4789, () => console.log('bound'))`;
  const holder = spawn('nsenter', [
    ...[`--net=/proc/${process.pid}/fd/${namespace.fd}`, process.execPath],
    ...['-e', `${code}; setTimeout(() => process.exit(), 20000)`],
  ]);
  context.after(() => holder.kill());
  return once(holder.stdout, 'data').then(() =>
    assert.match(failure(), /EADDRINUSE \(UDP port 4789 is used by a process of user 0 \(`ss /),
  );
});

rootTest(
  'router addresses are set only on the VXLAN device, without a connected network',
  (context) => {
    const { socket, ip } = place(context);
    linkTable(socket).set([overlay]);
    const ifIndex = linkByName(socket, overlayDeviceName)?.ifIndex;
    assert.ok(ifIndex !== undefined);
    const entries = [
      { ifIndex, ifName: overlayDeviceName, address: parseAddress('192.0.2.1'), prefixLength: 32 },
      {
        ifIndex,
        ifName: overlayDeviceName,
        address: parseAddress('2001:db8:1::1'),
        prefixLength: 128,
      },
    ];
    const table = linkAddressTable(socket);
    const before = ip('address', 'show', 'dev', 'up0');
    assertContract(table, entries);
    table.set(entries);
    assert.equal(ip('-4', 'route', 'show', 'dev', overlayDeviceName), '');
    assert.doesNotMatch(ip('-6', 'address', 'show', 'dev', overlayDeviceName), /tentative/);
    ip('address', 'add', '192.0.2.9/32', 'dev', overlayDeviceName);
    assert.equal(table.list(new Map()).size, 3);
    assert.equal(ip('address', 'show', 'dev', 'up0'), before);
    linkTable(socket).delete([overlay]);
    assert.deepEqual(table.delete(entries), []);
    assert.equal(table.list(new Map()).size, 0);
  },
);
