import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterPod } from '../cluster/objects.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { PodNames } from './pod-names.ts';

const first = parseAddress('203.0.113.5');
const second = parseAddress('203.0.113.6');

function pod(name: string, ...addresses: Address[]): ClusterPod {
  const meta = { namespace: 'shop', name, labels: {}, annotations: {} };
  return { ...meta, addresses, hostNetwork: false, phase: 'Running', containers: [] };
}

function byName(...pods: ClusterPod[]): ReadonlyMap<string, ClusterPod> {
  return new Map(pods.map((each) => [`shop/${each.name}`, each]));
}

const [a, b, c] = [pod('a', first), pod('b', second), pod('c')];

const cases: readonly (readonly [
  what: string,
  after: ReadonlyMap<string, ClusterPod>,
  names: readonly (string | undefined)[],
])[] = [
  ['nothing', byName(a, b, c), ['a', 'b']],
  ['a pod gone', byName(b, c), [undefined, 'b']],
  ['all gone', byName(), [undefined, undefined]],
  ['a pod that got its address', byName(a, pod('b'), pod('c', second)), ['a', 'c']],
  ['a pod made anew with another address', byName(pod('a', second), pod('b'), c), [undefined, 'a']],
  ['two pods that changed places', byName(pod('a', second), pod('b', first), c), ['b', 'a']],
  ['another order', byName(c, b, a), ['a', 'b']],
  ['one gone and one come', byName(a, c, pod('d', second)), ['a', 'd']],
];
for (const [what, after, names] of cases) {
  test(`names follow: ${what}`, () => {
    const subject = new PodNames();
    subject.follow(byName(a, b, c));
    subject.follow(after);
    assert.deepEqual(
      [first, second].map((address) => subject.of(address)?.name),
      names,
    );
  });
}

const leaving: readonly (readonly [
  what: string,
  after: ReadonlyMap<string, ClusterPod>,
  left: readonly string[],
])[] = [
  ['nothing', byName(a, b, c), []],
  ['a pod gone', byName(b, c), ['a']],
  ['a pod that is written anew', byName({ ...a, phase: 'Pending' }, b, c), []],
  ['a pod that has finished', byName({ ...a, phase: 'Succeeded' }, b, c), ['a']],
  ['a pod that came back on another node', byName({ ...a, node: 'node-2' }, b, c), ['a']],
  ['a pod gone whose address another got', byName(b, c, pod('d', first)), ['a']],
  ['two pods that changed places', byName(pod('a', second), pod('b', first), c), ['a', 'b']],
];
for (const [what, after, left] of leaving) {
  test(`the former owner of an address is reported: ${what}`, () => {
    const subject = new PodNames();
    subject.follow(byName(a, b, c));
    const told: string[] = [];
    subject.follow(after, (address, { name, addresses }) => {
      assert(addresses.includes(address));
      told.push(name);
    });
    assert.deepEqual(told.sort(), left);
  });
}

test('a pod with the weaker claim is not reported as former owner', () => {
  const subject = new PodNames();
  const heir = pod('heir', first);
  subject.follow(byName(a, heir));
  subject.follow(byName(heir), () => assert.fail('the heir has it'));
});

test('an address of two pods belongs to the newer one, and to the other when that is deleted', () => {
  const subject = new PodNames();
  subject.follow(byName(a));
  const heir = pod('heir', first);
  subject.follow(byName(a, heir));
  assert.equal(subject.of(first), heir);
  subject.follow(byName(a));
  assert.equal(subject.of(first), a);
  subject.follow(byName(a, heir));
  subject.follow(byName(heir));
  assert.equal(subject.of(first), heir);
});

test('a change of one pod among ten thousand reads no other', () => {
  let reads = 0;
  const counted = Array.from(
    { length: 10_000 },
    (_, index) =>
      new Proxy(pod(`p${index}`, parseAddress(`198.51.${index >> 8}.${index & 255}`)), {
        get: (target, field) => {
          reads++;
          return Reflect.get(target, field);
        },
      }),
  );
  const pods = new Map(counted.map((each, index) => [`shop/p${index}`, each] as const));
  const subject = new PodNames();
  subject.follow(pods);
  reads = 0;
  subject.follow(new Map(pods).set('shop/p7', pod('p7', first)));
  assert.equal(subject.of(first)?.name, 'p7');
  // Of the earlier pod: its place and its addresses.
  assert.ok(reads <= 8, `${reads} fields of other pods were read`);
});

const claims: readonly (readonly [string, Partial<ClusterPod>, Partial<ClusterPod>])[] = [
  ['a running pod and a finished one', {}, { phase: 'Succeeded', createdAt: 9 }],
  ['a running pod and a failed one', {}, { phase: 'Failed', createdAt: 9 }],
  ['a running pod and one in the network of its host', {}, { hostNetwork: true, createdAt: 9 }],
  ['a running pod and one that is being deleted', {}, { isDeleting: true, createdAt: 9 }],
  ['a pending pod and one that is being deleted', { phase: 'Pending' }, { isDeleting: true }],
  ['a running pod and one of unknown state', {}, { phase: 'Unknown', createdAt: 9 }],
  ['the newer of two running pods', { createdAt: 2 }, { createdAt: 1 }],
];
for (const [what, winner, loser] of claims) {
  test(`an address belongs to the first of ${what}, in any order`, () => {
    const right = { ...pod('right', first), ...winner };
    const wrong = { ...pod('wrong', first), ...loser };
    for (const order of [
      [right, wrong],
      [wrong, right],
    ]) {
      const subject = new PodNames();
      subject.follow(byName(...order));
      assert.equal(subject.of(first)?.name, 'right');
    }
  });
}

test('a finished pod loses its address, which then has no owner', () => {
  const subject = new PodNames();
  subject.follow(byName(a));
  subject.follow(byName({ ...a, phase: 'Succeeded' }));
  assert.equal(subject.of(first), undefined);
});

test("an address in a node's range never belongs to a pod of another node", () => {
  const subject = new PodNames();
  const right = { ...pod('right', first), node: 'node-1', createdAt: 1 };
  const wrong = { ...pod('wrong', first), node: 'node-2', createdAt: 2 };
  subject.follow(byName(right, wrong));
  assert.equal(subject.of(first, 'node-1'), right);
  assert.equal(subject.of(first, 'node-3'), undefined);
  assert.equal(subject.of(first), wrong, 'outside of all ranges');
});

test('thousands of pods of one node with one address cost no more than others', () => {
  const names = new PodNames();
  let reads = 0;
  const many = Array.from({ length: 5_000 }, (_, index): ClusterPod => {
    const { addresses, ...fields } = { ...pod(`p${index}`, first), node: 'node-3' };
    return {
      ...fields,
      get addresses() {
        reads++;
        return addresses;
      },
    };
  });
  const compared = many.map((each, index) => {
    return Object.defineProperty(each, 'createdAt', {
      get: () => {
        reads++;
        return index;
      },
    });
  });
  const other = { ...pod('other', first), node: 'node-2' };
  names.follow(byName(other, ...compared));
  assert.equal(names.of(first, 'node-2'), other);
  assert.equal(names.of(first, 'node-3')?.name, 'p4999');
  names.follow(byName(other, ...compared.map((each) => ({ ...each }))));
  names.follow(byName(other));
  assert.equal(names.of(first), other);
  assert.ok(reads < 5_000 * 200, `${reads} reads`);
});
