import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../base/log.ts';
import type { Masquerade } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { parseAddress } from '../net/address.ts';
import { parsePort } from '../net/port.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import type { WalkOptions, WalkResult } from './connection-walk.ts';
import type { Exits } from './exits.ts';
import { type HostPortIndex, hostPortKey } from './host-port-index.ts';
import { type AppliedTranslation, StaleConnections } from './stale-connections.ts';

const log = { info: () => undefined } as unknown as Logger;
const first = parseAddress('198.51.100.1');
const second = parseAddress('198.51.100.2');
const beside = parseAddress('198.51.100.3');

function masquerade(address: typeof first | undefined): Masquerade {
  const nodeSources = address === undefined ? [] : [{ address, interfaces: ['eth0'] }];
  return { sources: [], exempt: [], nodeSources };
}

function applied(fields: Partial<AppliedTranslation> = {}): AppliedTranslation {
  return { masquerade: masquerade(first), host: { uplinks: [] }, endpoints: [], ...fields };
}

const mapped = {
  addresses: [parseAddress('192.0.2.2')],
  portMappings: [{ protocol: 'udp', hostPort: parsePort(53), containerPort: parsePort(5353) }],
} as unknown as LocalEndpoint;

const nothing: WalkResult = { seen: 0, removed: new Map(), tuples: new Set() };

class Walks {
  readonly all: WalkOptions[] = [];
  readonly errors: string[] = [];
  #ended: (() => void)[] = [];

  readonly connections: StaleConnections = new StaleConnections({
    log,
    onError: (text) => void this.errors.push(text),
    walk: async (options) => {
      this.all.push(options);
      await new Promise<void>((resolve) => this.#ended.push(resolve));
      return nothing;
    },
  });

  /** Ends the walk that runs, and lets another begin that was asked for. */
  async end(): Promise<void> {
    this.#ended.shift()?.();
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function has(index: HostPortIndex | undefined): boolean {
  return index?.get(hostPortKey(17, parsePort(53), 4)) !== undefined;
}

test('the table is walked at the start, and again only when rules were restored', async () => {
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 1);
  await walks.end();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 1, 'the same in another object');
  walks.connections.noticeRestored();
  walks.connections.settled(applied());
  await settled();
  assert.equal(walks.all.length, 2);
});

test('those who ask during a walk share the next', async () => {
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  const ended: string[] = [];
  for (const name of ['one', 'two']) {
    void walks.connections.endpointChanged(mapped, true).then(() => ended.push(name));
  }
  await settled();
  assert.equal(walks.all.length, 1);
  await walks.end();
  assert.equal(walks.all.length, 2);
  assert.deepEqual(ended, []);
  await walks.end();
  assert.deepEqual(ended, ['one', 'two']);
});

test('an endpoint without host ports is not waited for', async () => {
  const walks = new Walks();
  await walks.connections.endpointChanged({ ...mapped, portMappings: [] }, true);
  assert.equal(walks.all.length, 0);
});

test('what a pod left is looked for; who has its address next waits for that', async () => {
  const walks = new Walks();
  const plain = { addresses: mapped.addresses } as unknown as LocalEndpoint;
  const formers = (): readonly string[] => [...(walks.all.at(-1)?.rules.formerPods ?? [])];
  walks.connections.settled(applied());
  await settled();
  await walks.connections.endpointChanged(plain, false);
  const ended: string[] = [];
  const next = { ...plain };
  void walks.connections.endpointChanged(next, true).then(() => ended.push('added'));
  await settled();
  assert.deepEqual([walks.all.length, ended], [1, []]);
  await walks.end();
  assert.deepEqual([walks.all.length, formers(), ended], [2, plain.addresses, []]);
  await walks.end();
  assert.deepEqual(ended, ['added']);
  // The next walk takes it for nobody's but who has it now.
  walks.connections.settled(applied({ endpoints: [next] }));
  void walks.connections.endpointChanged(mapped, true);
  await settled();
  assert.deepEqual([walks.all.length, formers()], [3, []]);
  walks.connections[Symbol.dispose]();
});

test('pods that go together share a walk that comes after them', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  walks.connections.settled(applied());
  await settled();
  await walks.end();
  const addresses = ['192.0.2.3', '192.0.2.4'].map((text) => parseAddress(text));
  for (const address of addresses) {
    const plain = { addresses: [address] } as unknown as LocalEndpoint;
    await walks.connections.endpointChanged(plain, false);
    context.mock.timers.tick(200);
    await settled();
  }
  assert.equal(walks.all.length, 1);
  context.mock.timers.tick(200);
  await settled();
  assert.deepEqual([walks.all.length, [...(walks.all[1]?.rules.formerPods ?? [])]], [2, addresses]);
  await walks.end();
  context.mock.timers.tick(10_000);
  await settled();
  assert.equal(walks.all.length, 2);
});

test('a pod that came during a walk is one that there is', async () => {
  const walks = new Walks();
  const hasPod = (): unknown => walks.all[0]?.rules.hasPod?.(parseAddress('192.0.2.2'));
  walks.connections.settled(applied());
  await settled();
  assert.equal(hasPod(), false);
  walks.connections.settled(applied({ endpoints: [{ ...mapped, portMappings: [] }] }));
  assert.equal(hasPod(), true);
  walks.connections[Symbol.dispose]();
});

test('host ports of an endpoint that went are looked for once, as gone', async () => {
  const walks = new Walks();
  walks.connections.settled(applied({ endpoints: [mapped] }));
  await settled();
  assert.deepEqual(
    [has(walks.all[0]?.rules.hostPorts), has(walks.all[0]?.rules.formerPorts)],
    [true, false],
  );
  await walks.end();
  walks.connections.settled(applied());
  void walks.connections.endpointChanged(mapped, false);
  await settled();
  assert.deepEqual(
    [has(walks.all[1]?.rules.hostPorts), has(walks.all[1]?.rules.formerPorts)],
    [false, true],
  );
  await walks.end();
  walks.connections.noticeRestored();
  walks.connections.settled(applied());
  await settled();
  assert.equal(has(walks.all.at(-1)?.rules.formerPorts), false);
  walks.connections[Symbol.dispose]();
});

test('other addresses of host ports are a reason to look, the same ones are none', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  const answering = (text: string): AppliedTranslation =>
    applied({ endpoints: [mapped], hostPortAddresses: [parsePrefix(text)] });
  for (const [text, expected] of [
    ['192.0.2.0/25', 1],
    ['192.0.2.0/25', 1],
    ['192.0.2.0/26', 2],
  ] as const) {
    walks.connections.settled(answering(text));
    context.mock.timers.tick(10_000);
    await settled();
    if (walks.all.length === expected) await walks.end();
    context.mock.timers.tick(10_000);
    await settled();
    assert.equal(walks.all.length, expected);
  }
  assert.deepEqual(walks.all[1]?.rules.hostPortAddresses, ['192.0.2.0/26']);
  walks.connections[Symbol.dispose]();
});

test('only what became exempt since the last walk may have been masqueraded by our rules', async () => {
  const [one, two] = ['192.0.2.0/25', '203.0.113.0/24'].map((text) => parsePrefix(text));
  assert(one !== undefined && two !== undefined);
  const exempting = (...exempt: Prefix[]): AppliedTranslation =>
    applied({ masquerade: { sources: [], exempt, nodeSources: [] } });
  for (const [isWritten, atStart] of [
    [false, [one]],
    [true, []],
  ] as const) {
    const walks = new Walks();
    const before = async (): Promise<unknown> => {
      void walks.connections.endpointChanged(mapped, true);
      await settled();
      await walks.end();
      return walks.all.at(-1)?.rules.exemptBefore;
    };
    walks.connections.settled({ ...exempting(one), isWritten });
    await settled();
    assert.deepEqual(walks.all[0]?.rules.exemptBefore, atStart);
    await walks.end();
    assert.deepEqual(await before(), [one], 'a pod comes');
    walks.connections.settled({ ...exempting(one, two), isWritten: true });
    assert.deepEqual(await before(), [one]);
    assert.deepEqual(await before(), [one, two]);
    for (const [was, expected] of [
      ['missing', [one, two]],
      ['changed', []],
    ] as const) {
      walks.connections.noticeRestored(was);
      walks.connections.settled({ ...exempting(one, two), isWritten: true });
      await settled();
      assert.deepEqual(walks.all.at(-1)?.rules.exemptBefore, expected, `our table was ${was}`);
      await walks.end();
    }
    walks.connections[Symbol.dispose]();
  }
});

test('where the way out moves the table is walked, and what left by the former one is named', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const walks = new Walks();
  const exits = (...names: string[]): Exits => new Map([[parsePrefix('0.0.0.0/0'), names]]);
  const hasMoved = (): boolean | undefined =>
    walks.all.at(-1)?.rules.hasMoved?.(parseAddress('203.0.113.9'), ['eth0']);
  const walkOf = async (way: Exits): Promise<unknown> => {
    walks.connections.settled(applied({ exits: way }));
    context.mock.timers.tick(10_000);
    await settled();
    const seen = [walks.all.length, hasMoved()];
    await walks.end();
    return seen;
  };
  assert.deepEqual(await walkOf(exits('eth0')), [1, undefined], 'at the start nothing has moved');
  assert.deepEqual(await walkOf(exits('eth0')), [1, undefined], 'the same in another object');
  assert.deepEqual(await walkOf(exits('eth1')), [2, true]);
  assert.deepEqual(await walkOf(exits('eth0')), [3, false]);
  assert.deepEqual(await walkOf(new Map()), [4, false]);
  assert.deepEqual(await walkOf(exits('eth1')), [5, true]);
  // Back and away again before the next walk: connections of meanwhile have moved.
  walks.connections.settled(applied({ exits: exits('eth0') }));
  assert.deepEqual(await walkOf(exits('eth1')), [6, true]);
  assert.deepEqual(await walkOf(exits('eth1')), [6, true], 'no walk, the last one as it was');
  walks.connections[Symbol.dispose]();
});

const changes = [
  { what: 'exchanged', before: first, after: second, former: [first] },
  { what: 'lost', before: first, after: undefined, former: [first] },
  { what: 'gained', before: undefined, after: first, former: [beside] },
  { what: 'kept', before: first, after: first, former: [] },
] as const;

for (const { what, before, after, former } of changes) {
  test(`an address of the node that is ${what} makes ${former.length} former`, async () => {
    const walks = new Walks();
    const host = {
      uplinks: [],
      addresses: [first, beside].map((address) => ({
        ...{ address, prefixLength: 24, ifName: 'eth0', leadsNowhere: false },
      })),
    };
    walks.connections.settled(applied({ masquerade: masquerade(before), host }));
    await settled();
    await walks.end();
    walks.connections.settled(applied({ masquerade: masquerade(after), host }));
    void walks.connections.endpointChanged(mapped, true);
    await settled();
    assert.deepEqual([...(walks.all[1]?.rules.formerSources ?? [])], former);
    walks.connections[Symbol.dispose]();
  });
}

test('what cannot be read is told, and the next walk is made all the same', async () => {
  const errors: string[] = [];
  const walk = async (): Promise<WalkResult> => {
    throw new Error('conntrack list: EINVAL');
  };
  const connections = new StaleConnections({
    log,
    onError: (text) => void errors.push(text),
    walk,
  });
  await connections.endpointChanged(mapped, false);
  await connections.endpointChanged(mapped, false);
  assert.deepEqual(errors, Array(2).fill('connections: conntrack list: EINVAL'));
});
