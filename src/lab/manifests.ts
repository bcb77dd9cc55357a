// Reads a lab's manifests as far as the lab needs them: which pods run where, with which command, and which nodes
// exist. Everything else is for the agents, which receive all files.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Document, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { fileStatus } from '../base/file-status.ts';
import { InputError } from '../base/input-error.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import type { LabNode } from './nodes.ts';

/** `namespace/name`. */
export type PodKey = string;

export interface LabPodSpec {
  readonly key: PodKey;
  readonly namespace: string;
  readonly name: string;
  /** spec.nodeName; if absent, the lab chooses. */
  readonly node?: string | undefined;
  readonly hostNetwork: boolean;
  /** Command of the first container; if absent, the lab's echo server. */
  readonly command?: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Ports with a hostPort of all containers; absent if there are none. */
  readonly portMappings?: readonly LabPortMapping[] | undefined;
  /** The file that defines the pod. */
  readonly file: string;
}

/** In the form in which a kubelet passes it to the CNI plugin, which validates it. */
export interface LabPortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIP?: string | undefined;
}

/** One file as last read. `documents` is absent if the file is not YAML. */
export interface LabManifestFile {
  readonly name: string;
  readonly text: string;
  readonly documents?: readonly Document[] | undefined;
  readonly pods: readonly LabPodSpec[];
  readonly nodes: readonly LabNode[];
  /** Sentences for `lab status`. Affected pods stay as they are. */
  readonly problems: readonly string[];
}

const port = z.object({
  containerPort: z.number(),
  hostPort: z.number().default(0),
  protocol: z.string().default('TCP'),
  hostIP: z.string().optional(),
});
const metadata = z.object({ name: z.string().min(1), namespace: z.string().default('default') });
const container = z.object({
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  ports: z.array(port).default([]),
  env: z.array(z.object({ name: z.string(), value: z.coerce.string().default('') })).default([]),
});
const podObject = z.object({
  metadata,
  spec: z.object({
    nodeName: z.string().optional(),
    hostNetwork: z.boolean().default(false),
    containers: z.array(container).min(1),
  }),
});
const nodeObject = z.object({
  metadata: z.object({ name: z.string().min(1) }),
  spec: z.object({ podCIDR: z.string().optional(), podCIDRs: z.array(z.string()).default([]) }),
  status: z.object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })) }),
});

/**
 * Reads FILE, or the files in DIR by name (`.yaml`, `.yml`, `.json`, not in subfolders). Throws InputError if the path
 * does not exist.
 */
export function readLabManifests(source: string): readonly LabManifestFile[] {
  const stat = fileStatus(source);
  if (stat === undefined) {
    throw new InputError({ object: 'manifests', value: source, rule: 'is not a file or folder' });
  }
  if (!stat.isDirectory()) return [readManifest(source)];
  const names = readdirSync(source).filter(
    (name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.'),
  );
  return names.sort().map((name) => readManifest(join(source, name)));
}

function readManifest(path: string): LabManifestFile {
  return parseManifest(basename(path), readFileSync(path, 'utf8'));
}

export function parseManifest(name: string, text: string): LabManifestFile {
  const documents = parseAllDocuments(text);
  const file = {
    name,
    text,
    pods: [] as LabPodSpec[],
    nodes: [] as LabNode[],
    problems: [] as string[],
  };
  if (!Array.isArray(documents)) return file;
  const broken = documents.flatMap((document) => document.errors)[0];
  if (broken !== undefined) {
    return { ...file, problems: [`${name}: ${broken.message.split('\n')[0]}`] };
  }
  for (const [index, document] of documents.entries()) {
    try {
      const value: unknown = document.toJS();
      const kind = kindOf(value);
      if (kind === 'Pod') file.pods.push(podOf(value, name));
      if (kind === 'Node') file.nodes.push(nodeOf(value));
      if (kind === 'List') throw new InputError(listProblem);
    } catch (error) {
      file.problems.push(`${name}, document ${index + 1}: ${problemText(error)}`);
    }
  }
  return { ...file, documents };
}

export function kindOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return String(value.kind);
}

// The lab writes node and addresses into Pod documents. For a List it would have to split the list.
const listProblem = {
  object: 'List',
  rule: 'is not read by the lab: write its Pods as separate documents',
};

function podOf(value: unknown, file: string): LabPodSpec {
  const { metadata, spec } = podObject.parse(value);
  const [first] = spec.containers;
  const portMappings = spec.containers
    .flatMap(({ ports }) => ports)
    .filter(({ hostPort }) => hostPort !== 0);
  const words = [...(first?.command ?? []), ...(first?.args ?? [])];
  const isEcho = first?.image === 'heddle-echo' || (first?.command ?? []).length === 0;
  return {
    key: namespacedName(metadata),
    namespace: metadata.namespace,
    name: metadata.name,
    node: spec.nodeName,
    hostNetwork: spec.hostNetwork,
    file,
    command: isEcho ? undefined : words,
    environment: Object.fromEntries((first?.env ?? []).map(({ name, value }) => [name, value])),
    ...(portMappings.length > 0 && { portMappings }),
  };
}

function nodeOf(value: unknown): LabNode {
  const { metadata, spec, status } = nodeObject.parse(value);
  const object = `Node ${metadata.name}`;
  const internal = status.addresses.filter(({ type }) => type === 'InternalIP');
  const ranges = spec.podCIDRs.length > 0 ? spec.podCIDRs : [spec.podCIDR ?? ''].filter(Boolean);
  return {
    name: metadata.name,
    addresses: internal.map(
      ({ address }): Address => parseAddress(address, object, 'status.addresses'),
    ),
    podCidrs: ranges.map((range): Prefix => parsePrefix(range, object, 'spec.podCIDRs')),
  };
}

function problemText(error: unknown): string {
  if (error instanceof z.ZodError) {
    return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  }
  if (error instanceof InputError) return error.message;
  throw error;
}
