// Everything on an agent's node that a request could change, as text: compared before and after, to show that it did
// not.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { type AgentPlace, eventuallyPasses, get } from './agent-process.ts';
import { runIn } from './namespaces.ts';
import { rulesetOf } from './ruleset.ts';

export interface StateOf {
  readonly place: AgentPlace;
  /** Process id of the agent. */
  readonly pid: number;
  readonly pods: readonly NetworkNamespace[];
}

/** By kind: links, routes, map entries, files, ... */
export async function nodeState({ place, pid, pods }: StateOf): Promise<Record<string, unknown>> {
  // Before the first query of the agent, because queries take descriptors too.
  const descriptors = await quietDescriptors(pid);
  const maps = ['endpoints', 'addresses', 'routes'];
  const dumps = await Promise.all(maps.map((name) => get(place, `/v1/maps/${name}`)));
  return {
    node: networkOf(place.namespace),
    pods: pods.map(networkOf),
    nft: rulesetOf(place.namespace),
    maps: dumps.map(({ text }) => text),
    endpoints: withoutTraffic((await get(place, '/v1/endpoints')).text),
    files: filesBelow(place.stateDir),
    pins: fs.readdirSync(place.pinDir, { recursive: true }).map(String).sort(),
    descriptors,
  };
}

/** The last connections to the agent's socket close asynchronously. */
export function unchanged(before: Record<string, unknown>, of: StateOf): Promise<void> {
  return eventuallyPasses(async () => assert.deepEqual(await nodeState(of), before));
}

function networkOf(namespace: NetworkNamespace): Record<string, string> {
  const commands = [
    'ip -d -o link',
    'ip -o address',
    'ip route show table all',
    'ip -6 route show table all',
    'ip -d neigh show nud permanent',
    'ip -6 -d neigh show nud permanent',
    'tc qdisc show',
  ];
  return Object.fromEntries(
    commands.map((command) => [command, withoutTries(runIn(namespace, 'sh', '-c', command))]),
  );
}

// The kernel repeatedly requests the MAC of a managed neighbour, independent of requests to the agent.
function withoutTries(text: string): string {
  return text.replaceAll(/^(.* managed .*)\b(?:INCOMPLETE|FAILED)\b/gm, '$1unresolved');
}

// Ended connections close asynchronously.
async function quietDescriptors(pid: number): Promise<readonly string[]> {
  let last = descriptorsOf(pid);
  await eventuallyPasses(async () => {
    await setTimeout(50);
    const before = last;
    last = descriptorsOf(pid);
    assert.deepEqual(last, before);
  });
  return last;
}

// Target of each descriptor, without the number of a socket or pipe.
function descriptorsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return fs
    .readdirSync(folder)
    .map((name) => readLink(path.join(folder, name)).replace(/:\[\d+\]$/, ''))
    .sort();
}

function readLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return 'closed meanwhile';
  }
}

function withoutTraffic(endpoints: string): unknown {
  return JSON.parse(endpoints, (name, value: unknown) => (name === 'traffic' ? undefined : value));
}

function filesBelow(directory: string): Record<string, string> {
  const names = fs
    .readdirSync(directory, { recursive: true })
    .map(String)
    // Files for later records: at most 32 (pods/records/spare-files.test.ts).
    .filter((name) => !name.startsWith('spare-records'))
    .sort();
  return Object.fromEntries(
    names.map((name) => {
      const file = path.join(directory, name);
      const { mtimeMs } = fs.statSync(file);
      // A folder's time shows every created and deleted file.
      const isFile = fs.statSync(file).isFile();
      return [name, isFile ? `${mtimeMs} ${fs.readFileSync(file, 'utf8')}` : 'folder'];
    }),
  );
}
