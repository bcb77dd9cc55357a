// The real helm compares the Helm chart with the plain manifests.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { helmProgram, helmTemplate } from '../../tools/manifests/helm.ts';
import { manifestsFile, plainManifests } from '../../tools/manifests/render.ts';

let helm: string;
before(() => {
  helm = helmProgram();
});

function kinds(yaml: string): readonly string[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const object = document.toJS() as { readonly kind: string } | null;
    return object === null ? [] : [object.kind];
  });
}

test('the chart with its default values renders the plain manifests', () => {
  assert.equal(
    readFileSync(manifestsFile, 'utf8'),
    plainManifests(helm),
    'run `npm run manifests`',
  );
});

test('a PodMonitor is rendered on request, the policy unless it is disabled', () => {
  assert.ok(!kinds(helmTemplate(helm)).includes('PodMonitor'));
  const other = kinds(helmTemplate(helm, ['prometheus.podMonitor=true', 'ownNodePolicy=false']));
  assert.ok(other.includes('PodMonitor'));
  assert.ok(!other.some((kind) => kind.startsWith('ValidatingAdmissionPolicy')), other.join());
});

test("values reach the agent's configuration, its mounts and its images", () => {
  const yaml = helmTemplate(helm, [
    'config.cni.binDir="/usr/lib/cni"',
    'config.mode="vxlan"',
    'image.name="registry.example/heddle:1"',
  ]);
  assert.match(yaml, /^ {4}mode: vxlan$/m);
  assert.match(yaml, /hostPath: \{ path: \/usr\/lib\/cni,/);
  assert.equal([...yaml.matchAll(/image: registry.example\/heddle:1$/gm)].length, 2);
});
