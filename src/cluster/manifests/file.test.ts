import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goodManifests, malformedManifests } from '../../../test/support/malformed-manifests.ts';
import { readManifests } from './file.ts';

const policy = (spec: string): string => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db-only-web}
spec: ${spec}
`;
const podYaml = (body: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web-1}\n${body}\n`;

const wrong: readonly { readonly name: string; readonly yaml: string; readonly text: string }[] = [
  {
    name: 'a port out of range',
    yaml: `---\n---\n${policy('{podSelector: {}, ingress: [{ports: [{port: 70000}]}]}')}`,
    text: 'examples/demo/policies.yaml, document 2: NetworkPolicy shop/db-only-web: spec.ingress[0].ports[0].port: 70000 is not a port (1-65535)',
  },
  {
    name: 'an end port without a numeric port',
    yaml: policy('{podSelector: {}, ingress: [{ports: [{port: http, endPort: 90}]}]}'),
    text: 'examples/demo/policies.yaml, document 1: NetworkPolicy shop/db-only-web: spec.ingress[0].ports[0].endPort: 90 must not be less than port, which must be a number',
  },
  {
    name: 'an exception outside its block',
    yaml: policy(
      '{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [198.51.100.0/25]}}]}]}',
    ),
    text: 'examples/demo/policies.yaml, document 1: NetworkPolicy shop/db-only-web: spec.egress[0].to[0].ipBlock.except[0]: 198.51.100.0/25 is not within 192.0.2.0/24',
  },
  {
    name: 'an unknown protocol',
    yaml: policy('{podSelector: {}, ingress: [{ports: [{protocol: ICMP}]}]}'),
    text: 'examples/demo/policies.yaml, document 1: NetworkPolicy shop/db-only-web: spec.ingress[0].ports[0].protocol: ICMP is not one of TCP, UDP, SCTP',
  },
  {
    name: 'a label that is not a string',
    yaml: 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {a.example/on: true}}\n',
    text: 'examples/demo/policies.yaml, document 1: Namespace shop: metadata.labels["a.example/on"]: true is not a string',
  },
  {
    name: 'an address that is none',
    yaml: podYaml('status: {podIPs: [{ip: 192.0.2.300}]}'),
    text: 'examples/demo/policies.yaml, document 1: Pod shop/web-1: status.podIPs[0].ip: 192.0.2.300 is not an IPv4 or IPv6 address',
  },
  {
    name: 'an InternalIP that is none',
    yaml: 'apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nstatus: {addresses: [{type: Hostname, address: a}, {type: InternalIP, address: b}]}\n',
    text: 'examples/demo/policies.yaml, document 1: Node node-1: status.addresses[1].address: b is not an IPv4 or IPv6 address',
  },
  {
    name: 'a map where a list belongs',
    yaml: podYaml('spec: {containers: {name: main}}'),
    text: 'examples/demo/policies.yaml, document 1: Pod shop/web-1: spec.containers: {"name":"main"} is not a list',
  },
  {
    name: 'a missing field',
    yaml: podYaml('spec: {containers: [{image: nginx}]}'),
    text: 'examples/demo/policies.yaml, document 1: Pod shop/web-1: spec.containers[0].name: is required',
  },
  {
    name: 'a version of a kind that we do not read',
    yaml: 'apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\n',
    text: 'examples/demo/policies.yaml, document 1: apiVersion: networking.k8s.io/v1beta1 is not supported: NetworkPolicy is read as networking.k8s.io/v1',
  },
  {
    name: 'an object without a name',
    yaml: 'apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {}}]\n',
    text: 'examples/demo/policies.yaml, document 1, item 1: Pod: metadata.name: is required',
  },
];

for (const { name, yaml, text } of wrong) {
  test(`${name} is reported with file, document, object, field, value and rule`, () => {
    const file = readManifests('examples/demo/policies.yaml', yaml);
    assert.deepEqual(
      file.problems.map((problem) => problem.text),
      [text],
    );
    assert.equal(file.complete, false);
  });
}

test('the problem of an invalid object says that its last good version stays in force', () => {
  const { problems } = readManifests('a.yaml', podYaml('spec: {hostNetwork: 7}'));
  assert.equal(
    problems[0]?.consequence,
    'the last good version of this object stays in force; everything else in the file was applied',
  );
});

test('kinds of other groups and unsupported kinds are ignored', () => {
  const file = readManifests(
    'a.yaml',
    'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n',
  );
  assert.deepEqual(
    { ...file, objects: [...file.objects] },
    { objects: [], problems: [], complete: true },
  );
});

test('an object defined twice in one file is used once', () => {
  const file = readManifests('a.yaml', `${podYaml('')}---\n${podYaml('')}`);
  assert.equal(file.objects.size, 1);
  assert.equal(
    file.problems[0]?.text,
    'a.yaml, document 2: Pod shop/web-1: is already defined in a.yaml, document 1',
  );
});

test('an object keeps its reference when it moves within its file', () => {
  const namespaceYaml = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n';
  const before = readManifests('a.yaml', podYaml('spec: {nodeName: node-1}'));
  const after = readManifests(
    'a.yaml',
    `${namespaceYaml}---\n${podYaml('spec: {nodeName: node-1}')}`,
    before,
  );
  const id = 'Pod shop/web-1';
  assert.equal(after.objects.get(id)?.content, before.objects.get(id)?.content);
  assert.equal(after.objects.get(id)?.origin, 'a.yaml, document 2');
});

test('aliases and merge keys are supported, and an alias bomb is refused', () => {
  const merged = readManifests(
    'a.yaml',
    'x: &base {nodeName: node-1}\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {<<: *base}\n',
  );
  const content = merged.objects.get('Pod default/a')?.content;
  assert.equal(content?.kind === 'Pod' ? content.object.node : undefined, 'node-1');
  const levels = Array.from({ length: 9 }, (_, i) => {
    const aliases = Array.from({ length: 9 }, () => `*l${i}`);
    return `l${i + 1}: &l${i + 1} [${aliases.join(', ')}]`;
  });
  const bomb = readManifests('a.yaml', `l0: &l0 [a]\n${levels.join('\n')}\n`);
  assert.match(
    bomb.problems[0]?.text ?? '',
    /a\.yaml, document 1: is not YAML: Excessive alias count/,
  );
});

for (const { file, text, consequence } of malformedManifests) {
  test(`a file that becomes invalid keeps its contents, and this is reported: ${text}`, () => {
    const before = readManifests('a.yaml', goodManifests);
    assert.deepEqual(before.problems, []);
    const { objects, problems, complete } = readManifests('a.yaml', file, before);
    const [, object = ''] = text.split(': ');
    const subject = consequence.includes('of this file') ? 'a.yaml' : object;
    assert.deepEqual(problems, [{ subject, text: `a.yaml, ${text}`, consequence }]);
    assert.deepEqual(objects, before.objects);
    assert.equal(complete, true);
  });
}
