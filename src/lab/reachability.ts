// Connects every echo pod to every other one in both families and shows the results as a matrix. The client is a real
// process in each pod (lab/programs/prober.ts).

import { namespacedName } from '../base/namespaced-name.ts';
import { type Address, addressFamily } from '../net/address.ts';
import { labProgram } from './paths.ts';
import type { ProbeRequest, ProbeResult, ProbeTarget } from './programs/probe.ts';
import type { LabRecord, PodRecord } from './record.ts';
import { runInPlace } from './spawn.ts';

/** One direction between two pods in one family. */
export interface Pair {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly result: ProbeResult;
}

export interface Reachability {
  /** Echo pods by node, then by name: the order of rows and columns. */
  readonly pods: readonly { readonly key: string; readonly node: string }[];
  readonly pairs: readonly Pair[];
}

const measuredRounds = 50;
const timeoutMs = 3000;

export async function probeReachability(record: LabRecord): Promise<Reachability> {
  const pods = record.pods.filter((pod) => pod.echo).sort(byNode);
  const pairs: Pair[] = [];
  for (const pod of pods) pairs.push(...(await probeFrom(pod, pods)));
  return { pods: pods.map((pod) => ({ key: namespacedName(pod), node: pod.node })), pairs };
}

export function unreached({ pairs }: Reachability): readonly Pair[] {
  return pairs.filter(({ result }) => !result.ok);
}

/** The demo's table. The first two heading lines are node and pod; cells are microseconds for IPv4/IPv6. */
export function renderMatrix({ pods, pairs }: Reachability): string {
  const rows = pods.map((from) => [from.key, ...pods.map((to) => cell(pairs, from.key, to.key))]);
  const head = [
    ['from \\ to', ...pods.map(({ node }) => node)],
    ['', ...pods.map(({ key }) => key)],
  ];
  const all = [...head, ...rows];
  const widths = [0, ...pods.keys()].map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const lines = all.map((row) =>
    row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '),
  );
  return lines.map((line) => `  ${line.trimEnd()}`).join('\n');
}

/** `all 60 pairs reached.`, or the pairs not reached with reasons. */
export function summary(reachability: Reachability): string {
  const failed = unreached(reachability);
  const total = reachability.pairs.length;
  if (failed.length === 0) return `all ${total} pairs reached.`;
  const lines = failed.slice(0, 10).map(({ from, to, family, result }) => {
    return `  ${from} -> ${to} over IPv${family}: ${result.ok ? '' : result.reason}`;
  });
  const more = failed.length > 10 ? `\n  and ${failed.length - 10} more` : '';
  return `${failed.length} of ${total} pairs NOT reached:\n${lines.join('\n')}${more}`;
}

async function probeFrom(pod: PodRecord, pods: readonly PodRecord[]): Promise<readonly Pair[]> {
  const others = pods.filter((other) => other !== pod);
  const asked = others.flatMap((to) =>
    to.addresses.map((address) => ({ to: namespacedName(to), address })),
  );
  const targets = asked.map(({ to, address }): ProbeTarget => ({ address, pod: to }));
  const results = await ask(pod, { targets, rounds: measuredRounds, timeoutMs });
  return asked.map(({ to, address }, index) => ({
    from: namespacedName(pod),
    to,
    family: addressFamily(address as Address),
    result: results[index] ?? { ok: false, reason: 'not checked' },
  }));
}

async function ask(pod: PodRecord, request: ProbeRequest): Promise<readonly ProbeResult[]> {
  const { exitCode, stdout, stderr } = await runInPlace(pod, labProgram('prober'), {
    input: JSON.stringify(request),
  });
  if (exitCode !== 0)
    throw new Error(`the prober in ${namespacedName(pod)} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as readonly ProbeResult[];
}

function cell(pairs: readonly Pair[], from: string, to: string): string {
  if (from === to) return '-';
  const between = pairs.filter((pair) => pair.from === from && pair.to === to);
  const texts = ([4, 6] as const).flatMap((family) => {
    const found = between.find((pair) => pair.family === family);
    return found === undefined ? [] : [resultText(found.result)];
  });
  return texts.length === 0 ? 'no address' : texts.join('/');
}

function resultText(result: ProbeResult): string {
  return result.ok ? result.medianUs.toFixed(0) : 'FAIL';
}

function byNode(left: PodRecord, right: PodRecord): number {
  const text = (pod: PodRecord): string => `${pod.node} ${namespacedName(pod)}`;
  return text(left) < text(right) ? -1 : 1;
}
