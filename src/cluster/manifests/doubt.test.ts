import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../base/moment.ts';
import { believedScan } from './doubt.ts';
import { readManifests } from './file.ts';
import type { Scan, ScannedFile } from './scan.ts';

const second = 1_000;

interface Written {
  /** Names of Nodes. */
  readonly nodes?: string;
  readonly inode?: number;
  /** In seconds. */
  readonly at?: number;
}

function file(name: string, { nodes = '', inode = 1, at = 0 }: Written): ScannedFile {
  const documents = nodes
    .split(' ')
    .filter((node) => node !== '')
    .map(
      (node) =>
        `{apiVersion: v1, kind: Node, metadata: {name: ${node}}, spec: {podCIDRs: [${range(node)}]}, status: {addresses: [{type: InternalIP, address: 198.51.100.${node.slice(1)}}]}}`,
    );
  return {
    path: `demo/${name}`,
    version: `${inode} ${at}`,
    identity: `1 ${inode}`,
    versionSeenAt: (at * second) as Moment,
    isSettled: true,
    manifests: readManifests(`demo/${name}`, documents.join('\n---\n')),
  };
}

function range(node: string): string {
  return `192.0.2.${16 * Number(node.slice(1))}/28`;
}

function scan(files: Readonly<Record<string, Written>>): Scan {
  return { files: new Map(Object.entries(files).map(([name, of]) => [name, file(name, of)])) };
}

/** Nodes believed, and what is told, at a time in seconds. */
function believed(next: Scan, previous: Scan | undefined, at: number, held?: number): Scan {
  const now = (at * second) as Moment;
  const heldRanges = held === undefined ? undefined : () => held;
  const times = { doubtMs: 10_000, writingMs: 2_000, now };
  const options = { directory: 'demo', node: 'n1', heldRanges, ...times };
  return believedScan(next, previous, options);
}

function shown({ files, doubt }: Scan): { readonly nodes: string; readonly told: string[] } {
  const all = [...files.values()];
  const ids = new Set(all.flatMap(({ manifests }) => [...manifests.objects.keys()]));
  const problems = all.flatMap(({ manifests }) => manifests.problems);
  return {
    nodes: [...ids]
      .map((id) => id.replace('Node ', ''))
      .sort()
      .join(' '),
    told: [...problems, ...(doubt === undefined ? [] : [doubt])].map(({ text }) => text),
  };
}

interface Case {
  readonly name: string;
  readonly before: Readonly<Record<string, Written>>;
  readonly after: Readonly<Record<string, Written>>;
  readonly nodes: string;
  readonly told: string;
  /** Seconds until it is accepted, and the remaining Nodes. */
  readonly patience: number;
  readonly left: string;
}

const doubted: readonly Case[] = [
  {
    name: 'a file that is truncated',
    before: { a: { nodes: 'n1 n2' }, b: { nodes: 'n3' } },
    after: { a: { at: 100 }, b: { nodes: 'n3' } },
    nodes: 'n1 n2 n3',
    told: 'demo/a: has no objects, but had 2',
    patience: 10,
    left: 'n3',
  },
  {
    name: 'a file replaced by one without this node',
    before: { a: { nodes: 'n1 n2' } },
    after: { a: { nodes: 'n2 n4', inode: 2, at: 100 } },
    nodes: 'n1 n2 n4',
    told: 'demo/a: no longer has Node n1',
    patience: 10,
    left: 'n2 n4',
  },
  {
    name: 'a file that is written in steps',
    before: { a: { nodes: 'n1 n2 n3 n4' } },
    after: { a: { nodes: 'n1 n2', at: 100 } },
    nodes: 'n1 n2 n3 n4',
    told: 'demo/a: no longer has 2 objects',
    patience: 2,
    left: 'n1 n2',
  },
  {
    name: 'the removal of the file that has this node',
    before: { a: { nodes: 'n1 n2' }, b: { nodes: 'n2 n3' } },
    after: { b: { nodes: 'n2 n3' } },
    nodes: 'n1 n2 n3',
    told: 'demo/a: was removed, but contained Node n1',
    patience: 10,
    left: 'n2 n3',
  },
  {
    name: 'a folder whose files were all deleted',
    before: { a: { nodes: 'n1' }, b: { nodes: 'n2' } },
    after: {},
    nodes: 'n1 n2',
    told: 'directory demo: has no objects, but there were 2',
    patience: 10,
    left: '',
  },
  {
    name: 'a folder with one file deleted and the other empty',
    before: { a: { nodes: 'n1' }, b: { nodes: 'n2' } },
    after: { b: { at: 100 } },
    nodes: 'n1 n2',
    told: 'directory demo: has no objects, but there were 2',
    patience: 10,
    left: '',
  },
];

for (const { name, before, after, nodes, told, patience, left } of doubted) {
  test(`${name} is accepted after ${patience} s`, () => {
    const first = believed(scan(before), undefined, 0);
    assert.deepEqual(shown(first).told, []);
    const doubt = believed(scan(after), first, 100);
    assert.deepEqual(shown(doubt), { nodes, told: [told] });
    assert.equal(doubt.doubtedUntil, (100 + patience) * second);
    const still = believed(scan(after), doubt, 100 + patience - 0.1);
    assert.deepEqual(shown(still), { nodes, told: [told] });
    const end = believed(scan(after), still, 100 + patience);
    assert.deepEqual(shown(end), { nodes: left, told: [] });
    assert.equal(end.doubtedUntil, undefined);
  });
}

test('a write to a doubted file restarts the time, and objects that return end the doubt', () => {
  const first = believed(scan({ a: { nodes: 'n1 n2 n3' } }), undefined, 0);
  const half = believed(scan({ a: { nodes: 'n1', at: 100 } }), first, 100);
  const more = believed(scan({ a: { nodes: 'n1 n2', at: 101.9 } }), half, 103);
  assert.equal(shown(more).nodes, 'n1 n2 n3');
  const whole = believed(scan({ a: { nodes: 'n1 n2 n3', at: 104 } }), more, 104);
  assert.deepEqual(shown(whole), { nodes: 'n1 n2 n3', told: [] });
});

const believedAtOnce: readonly (readonly [string, Case['before'], Case['after'], string])[] = [
  [
    'one file removed among several',
    { a: { nodes: 'n1' }, b: { nodes: 'n2' } },
    { a: { nodes: 'n1' } },
    'n1',
  ],
  [
    'a file renamed into place',
    { a: { nodes: 'n1 n2' } },
    { a: { nodes: 'n1', inode: 2, at: 100 } },
    'n1',
  ],
  [
    'an object moved to another file',
    { a: { nodes: 'n1' }, b: { nodes: 'n2' } },
    { a: { at: 100 }, b: { nodes: 'n1 n2', at: 100 } },
    'n1 n2',
  ],
  ['an object added in place', { a: { nodes: 'n1' } }, { a: { nodes: 'n1 n2', at: 100 } }, 'n1 n2'],
];

for (const [name, before, after, nodes] of believedAtOnce) {
  test(`${name} is accepted immediately`, () => {
    const first = believed(scan(before), undefined, 0);
    assert.deepEqual(shown(believed(scan(after), first, 100)), { nodes, told: [] });
  });
}

const unknown: readonly (readonly [string, Scan | undefined])[] = [
  ['at the start', undefined],
  [
    'after it could not be read',
    { files: new Map(), problem: { subject: 'demo', text: 'ENOENT', consequence: '' } },
  ],
];

for (const [when, previous] of unknown) {
  test(`a folder without objects ${when} is accepted after a while, and then permanently`, () => {
    const doubt = believed(scan({ a: {} }), previous, 50);
    assert.deepEqual(shown(doubt).told, ['directory demo: has no objects']);
    const still = believed(scan({}), doubt, 59);
    assert.deepEqual(shown(still).told, ['directory demo: has no objects']);
    const end = believed(scan({}), still, 60);
    assert.deepEqual(shown(end).told, []);
    assert.deepEqual(shown(believed(scan({}), end, 61)).told, []);
  });
}

const fewer = 'directory demo: has 1 pod ranges of other nodes, but this node has routes to 2';

test('a first scan with fewer Nodes than there are routes is accepted after a while', () => {
  const files = { a: { nodes: 'n1 n2' }, b: {} };
  const doubt = believed(scan(files), undefined, 0, 2);
  assert.deepEqual(shown(doubt), { nodes: 'n1 n2', told: [fewer] });
  assert.equal(doubt.doubtedUntil, 10 * second);
  const still = believed(scan(files), doubt, 9.9, 2);
  assert.deepEqual(shown(still).told, [fewer]);
  const problem = { subject: 'demo', text: 'EIO', consequence: '' };
  const unreadable = believed({ ...still, problem }, still, 9.9);
  assert.deepEqual(shown(believed(scan(files), unreadable, 9.9, 2)).told, [fewer]);
  assert.deepEqual(shown(believed(scan(files), still, 10, 2)), { nodes: 'n1 n2', told: [] });
});

test('a Node that returns ends the doubt about a first scan, and later ones are not compared with routes', () => {
  const doubt = believed(scan({ a: { nodes: 'n1 n2' }, b: {} }), undefined, 0, 2);
  const whole = believed(scan({ a: { nodes: 'n1 n2' }, b: { nodes: 'n3' } }), doubt, 1, 2);
  assert.deepEqual(shown(whole), { nodes: 'n1 n2 n3', told: [] });
  const removed = believed(scan({ a: { nodes: 'n1 n2' } }), whole, 2, 2);
  assert.deepEqual(shown(removed), { nodes: 'n1 n2', told: [] });
});

test("a first scan without this node's own Node is doubted if the node has routes to others", () => {
  const missing =
    'directory demo: does not contain Node n1, but this node has routes to pods of others';
  const doubt = believed(scan({ a: {}, b: { nodes: 'n2' } }), undefined, 0, 1);
  assert.deepEqual(shown(doubt), { nodes: 'n2', told: [missing] });
  const end = believed(scan({ a: {}, b: { nodes: 'n2' } }), doubt, 10, 1);
  assert.deepEqual(shown(end).told, []);
  const without = believed(scan({ a: {}, b: { nodes: 'n2' } }), undefined, 0, 0);
  assert.deepEqual(shown(without).told, []);
});

test('several pod ranges of one Node are as many routes', () => {
  const both = scan({ a: { nodes: 'n1' }, b: { nodes: 'n2' } });
  const text = `{apiVersion: v1, kind: Node, metadata: {name: n2}, spec: {podCIDRs: [192.0.2.32/28, 192.0.2.48/28, "2001:db8::/64"]}, status: {addresses: [{type: InternalIP, address: 198.51.100.2}]}}`;
  const two = both.files.get('b');
  assert.ok(two !== undefined);
  const files = new Map(both.files).set('b', { ...two, manifests: readManifests('demo/b', text) });
  assert.deepEqual(shown(believed({ files }, undefined, 0, 2)).told, []);
});
