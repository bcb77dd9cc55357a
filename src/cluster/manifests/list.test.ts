import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifests } from './file.ts';

const read = (
  yaml: string,
): { readonly ids: readonly string[]; readonly texts: readonly string[] } => {
  const { objects, problems } = readManifests('a.yaml', yaml);
  return { ids: [...objects.keys()], texts: problems.map(({ text }) => text) };
};

const node = (name: string): string => `{apiVersion: v1, kind: Node, metadata: {name: ${name}}}`;
const bare = (name: string): string => `{metadata: {name: ${name}}}`;

const lists: readonly (readonly [name: string, yaml: string, ids: readonly string[]])[] = [
  [
    'a List',
    `{apiVersion: v1, kind: List, items: [${node('a')}, ${node('b')}]}`,
    ['Node a', 'Node b'],
  ],
  ['a typed list', `{apiVersion: v1, kind: NodeList, items: [${node('a')}]}`, ['Node a']],
  [
    'a typed list as the API server answers, whose items do not say what they are',
    `{apiVersion: v1, kind: NodeList, metadata: {resourceVersion: "7"}, items: [${bare('a')}, ${bare('b')}]}`,
    ['Node a', 'Node b'],
  ],
  [
    'a typed list of another group',
    `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicyList, items: [{metadata: {name: a}, spec: {podSelector: {}}}]}`,
    ['NetworkPolicy default/a'],
  ],
  [
    'lists within lists',
    `{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: PodList, items: [${bare('a')}]}]}, ${node('b')}]}`,
    ['Pod default/a', 'Node b'],
  ],
  [
    'a list of kinds that nobody reads',
    `{apiVersion: apps/v1, kind: DeploymentList, items: [${bare('a')}]}`,
    [],
  ],
  ['an empty list', '{apiVersion: v1, kind: PodList, items: []}', []],
  ['a list of null, as Go writes an empty one', '{apiVersion: v1, kind: List, items: null}', []],
  [
    'an object of another group whose kind ends like a list',
    '{apiVersion: a.example/v1, kind: AllowList, spec: {}}',
    [],
  ],
];

for (const [name, yaml, ids] of lists) {
  test(`${name} is expanded as kubectl does it`, () => {
    assert.deepEqual(read(yaml), { ids, texts: [] });
  });
}

let nested = node('a');
for (let depth = 0; depth < 9; depth++) nested = `{apiVersion: v1, kind: List, items: [${nested}]}`;

const wrong: readonly (readonly [name: string, yaml: string, text: string])[] = [
  [
    'a list without items',
    '{apiVersion: v1, kind: NodeList}',
    'a.yaml, document 1: NodeList: items: is required',
  ],
  [
    'a list of no list',
    '{apiVersion: v1, kind: List, items: {a: b}}',
    'a.yaml, document 1: List: items: {"a":"b"} is not a list',
  ],
  [
    'a typed list of a version that is not read',
    `{apiVersion: networking.k8s.io/v1beta1, kind: NetworkPolicyList, items: [${bare('a')}]}`,
    'a.yaml, document 1, item 1: apiVersion: networking.k8s.io/v1beta1 is not supported: NetworkPolicy is read as networking.k8s.io/v1',
  ],
  [
    'an item that is nothing',
    '{apiVersion: v1, kind: NodeList, items: [null]}',
    'a.yaml, document 1, item 1: null is not a map',
  ],
  [
    'lists that are nested too deeply',
    nested,
    `a.yaml, document 1${', item 1'.repeat(8)}: is nested in 8 lists`,
  ],
  [
    'a list that contains itself',
    '&a {apiVersion: v1, kind: List, items: [*a]}',
    `a.yaml, document 1${', item 1'.repeat(8)}: is nested in 8 lists`,
  ],
  [
    'a kind with a wrong letter',
    '{apiVersion: v1, kind: node, metadata: {name: a}}',
    'a.yaml, document 1: kind: node has the wrong spelling: the kind is Node',
  ],
  [
    'a list with a wrong letter',
    `{apiVersion: v1, kind: Podlist, items: []}`,
    'a.yaml, document 1: kind: Podlist has the wrong spelling: the kind is PodList',
  ],
];

for (const [name, yaml, text] of wrong) {
  test(`${name} is reported by name, once`, () => {
    assert.deepEqual(read(yaml).texts, [text]);
  });
}
