// The directory that every agent of the lab reads as its cluster: the user's files under their own names, with facts
// about each pod added by the lab (node, addresses), and generated nodes if the manifests have none. A file that is not
// YAML is copied unchanged: the agents report what is wrong with it and keep the last good state.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Document, isMap } from 'yaml';
import { replaceFile } from '../base/replace-file.ts';
import type { Address } from '../net/address.ts';
import { kindOf, type LabManifestFile, type PodKey } from './manifests.ts';
import { type LabNode, labNodeManifest } from './nodes.ts';

/** Fields that the lab adds to a Pod object. */
export interface PodFacts {
  readonly uid: string;
  readonly node: string;
  readonly nodeAddress?: Address | undefined;
  readonly addresses: readonly Address[];
}

const nodesFile = 'heddle-lab-nodes.yaml';

/** Maps file names to texts. */
export function renderCluster(
  files: readonly LabManifestFile[],
  facts: ReadonlyMap<PodKey, PodFacts>,
  generated: readonly LabNode[],
): ReadonlyMap<string, string> {
  const texts = new Map(files.map((file) => [file.name, renderFile(file, facts)]));
  if (generated.length > 0) {
    const documents = generated.map((node) => new Document(labNodeManifest(node)).toString());
    texts.set(nodesFile, documents.join('---\n'));
  }
  return texts;
}

/** Makes the directory contain exactly these files. Unchanged files are not touched. */
export function writeCluster(directory: string, texts: ReadonlyMap<string, string>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of texts) {
    const path = join(directory, name);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    // A dot file is not a manifest.
    replaceFile(path, text, { mode: 0o644, temporary: join(directory, `.${name}.new`) });
  }
  for (const name of readdirSync(directory)) {
    if (!texts.has(name)) rmSync(join(directory, name));
  }
}

function renderFile(file: LabManifestFile, facts: ReadonlyMap<PodKey, PodFacts>): string {
  if (file.documents === undefined) return file.text;
  return file.documents.map((document) => renderDocument(document, facts)).join('---\n');
}

function renderDocument(original: Document, facts: ReadonlyMap<PodKey, PodFacts>): string {
  // The parsed files are kept and rendered again on the next change, so work on a copy.
  const document = original.clone();
  document.directives = undefined;
  const fact = facts.get(podKeyOf(document) ?? '');
  if (fact !== undefined) {
    document.setIn(['metadata', 'uid'], fact.uid);
    document.setIn(['spec', 'nodeName'], fact.node);
    document.set('status', document.createNode(podStatus(fact)));
  }
  return document.toString();
}

function podKeyOf(document: Document): PodKey | undefined {
  if (!isMap(document.contents) || kindOf(document.toJS()) !== 'Pod') return undefined;
  const namespace = document.getIn(['metadata', 'namespace']) ?? 'default';
  return `${namespace}/${document.getIn(['metadata', 'name'])}`;
}

function podStatus({ addresses, nodeAddress }: PodFacts): object {
  if (addresses.length === 0) return { phase: 'Pending' };
  return {
    phase: 'Running',
    hostIP: nodeAddress,
    podIP: addresses[0],
    podIPs: addresses.map((ip) => ({ ip })),
  };
}
