import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import {
  type SysctlEntry,
  type SysctlMemory,
  sysctlTable,
} from '../../src/datapath/host/sysctls.ts';
import { listConfiguredLinks } from '../../src/kernel/netlink/devconf.ts';
import { rootTest } from '../support/root-test.ts';
import { assertListed, place, up0 } from '../support/table-contract.ts';

interface Memory extends SysctlMemory {
  readonly values: Map<string, string>;
}

function sysctlMemory(): Memory {
  const values = new Map<string, string>();
  return {
    values,
    remember: (name, value) => {
      if (!values.has(name)) values.set(name, value);
    },
    recall: (name) => values.get(name),
    forget: (name) => void values.delete(name),
  };
}

rootTest('kernel parameters are set if they differ, remembered, listed and restored', (context) => {
  const { namespace } = place(context);
  namespace.run(() => {
    fs.writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    const memory = sysctlMemory();
    const table = sysctlTable(memory);
    const forward = { name: 'net/ipv4/ip_forward', value: '1', alsoFine: [] };
    const acceptRa = { name: 'net/ipv6/conf/up0/accept_ra', value: '2', alsoFine: ['0'] };
    fs.writeFileSync('/proc/sys/net/ipv6/conf/up0/accept_ra', '0');
    const desired = new Map<string, SysctlEntry>(
      [forward, acceptRa].map((entry) => [entry.name, entry]),
    );
    for (let round = 0; round < 2; round++) assert.deepEqual(table.set([forward, acceptRa]), []);
    assertListed(table, desired);
    assert.deepEqual([...memory.values], [['net/ipv4/ip_forward', '0']]);
    fs.writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    assert.equal(table.list(desired).get(forward.name)?.value, '0');
    table.set([forward]);
    assert.deepEqual(table.delete([forward, acceptRa]), []);
    assert.equal(fs.readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '0');
    assert.deepEqual([...memory.values], []);
    // Another process turned it on meanwhile: it stays on.
    fs.writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    assert.deepEqual([table.set([forward]), table.delete([forward])], [[], []]);
    assert.equal(fs.readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '1');
  });
});

rootTest('setting a parameter of a deleted interface fails, deleting it succeeds', (context) => {
  const { namespace } = place(context);
  namespace.run(() => {
    const table = sysctlTable(sysctlMemory());
    const entry = { name: join('net/ipv6/conf', 'gone0', 'accept_ra'), value: '2', alsoFine: [] };
    assert.match(table.set([entry])[0]?.error.message ?? '', /gone0\/accept_ra: ENOENT/);
    assert.equal(table.list(new Map([[entry.name, entry]])).size, 0);
    assert.deepEqual(table.delete([entry]), []);
  });
});

rootTest(
  "forwarding, loopback routing and IPv6 of heddle's interfaces are read from the listing of links, set, and not remembered",
  (context) => {
    const { namespace, socket, ip } = place(context);
    namespace.run(() => {
      const folder = '/proc/sys/net';
      fs.writeFileSync(`${folder}/ipv4/ip_forward`, '1');
      fs.writeFileSync(`${folder}/ipv4/conf/up0/forwarding`, '0');
      fs.writeFileSync(`${folder}/ipv4/conf/up0/route_localnet`, '0');
      fs.writeFileSync(`${folder}/ipv6/conf/up0/disable_ipv6`, '1');
      const memory = sysctlMemory();
      const table = sysctlTable(memory, (ifIndex) => {
        const link = listConfiguredLinks(socket).find((each) => each.ifIndex === ifIndex);
        return {
          forwarding4: link?.ipv4 && String(link.ipv4.forwarding),
          routeLocalnet: link?.ipv4 && String(link.ipv4.routeLocalnet),
          disableIpv6: link?.ipv6 && String(Number(link.ipv6.disabled)),
        };
      });
      const entries: SysctlEntry[] = [
        ['net/ipv4/conf/up0/forwarding', '1', 'forwarding4'] as const,
        ['net/ipv4/conf/up0/route_localnet', '1', 'routeLocalnet'] as const,
        ['net/ipv6/conf/up0/disable_ipv6', '0', 'disableIpv6'] as const,
      ].map(([name, value, setting]) => {
        const listed = { ifIndex: up0, setting };
        return { name, value, alsoFine: [], isOurs: true, listed };
      });
      const desired = new Map(entries.map((entry) => [entry.name, entry]));
      const values = (): readonly string[] =>
        [...table.list(desired).values()].map(({ value }) => value);
      assert.deepEqual(values(), ['0', '0', '1']);
      assert.deepEqual(table.set(entries), []);
      assertListed(table, desired);
      assert.equal(memory.values.size, 0);
      ip('link', 'delete', 'up0');
      assert.equal(table.list(desired).size, 0);
    });
  },
);
