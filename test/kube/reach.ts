// Which place reaches which, and with which source address: every asker queries all addresses in one command.

import assert from 'node:assert/strict';
import type { Finished } from '../../src/lab/spawn.ts';
import { addressFamily, parseAddress } from '../../src/net/address.ts';
import { urlHost } from '../support/lab.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import type { ReadyPod } from './workloads.ts';

/** A place that fetches URLs. */
export interface Asker {
  readonly fetch: string;
  run(command: readonly string[]): Promise<Finished>;
}

/** A pod with the tools' image. */
export function fromPod(cluster: KubeCluster, name: string): Asker {
  return { fetch: 'podtool get', run: (command) => cluster.api.exec(name, command) };
}

/** A node, or `world`. */
export function fromPlace(cluster: KubeCluster, name: string): Asker {
  return { fetch: 'curl -sS --max-time 5', run: (command) => cluster.run(name, command) };
}

/** The answer of each URL as text: `web-1 saw 10.201.1.5`, or an error and `no answer`. */
export async function answers(
  asker: Asker,
  urls: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const script = `for url; do echo "$url" $(${asker.fetch} "$url" 2>&1 || echo no answer); done`;
  const { stdout, stderr } = await asker.run(['sh', '-c', script, 'ask', ...urls]);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, urls.length, `${stdout}${stderr}`);
  return new Map(lines.map((line) => splitOnce(line)));
}

/** `http://ADDRESS:8080/` of every address of the pods. */
export function urlsOf(pods: readonly ReadyPod[], port = 8080): readonly string[] {
  return pods.flatMap(({ addresses }) =>
    addresses.map((address) => `http://${urlHost(address)}:${port}/`),
  );
}

// With more, two processors could not answer the kubelets' probes in time.
const askersAtOnce = 3;

/**
 * Throws an Error unless every pod gets an answer from every address of all pods, including itself, and is seen with
 * its own address.
 */
export async function assertEveryPairReaches(
  cluster: KubeCluster,
  pods: readonly ReadyPod[],
): Promise<void> {
  const waiting = [...pods];
  const work = async (): Promise<void> => {
    for (let from = waiting.shift(); from !== undefined; from = waiting.shift())
      await assertReaches(cluster, from, pods);
  };
  await Promise.all(Array.from({ length: askersAtOnce }, work));
}

async function assertReaches(
  cluster: KubeCluster,
  from: ReadyPod,
  pods: readonly ReadyPod[],
): Promise<void> {
  const said = await answers(fromPod(cluster, from.name), urlsOf(pods));
  const expected = pods.flatMap((to) =>
    to.addresses.map((address): readonly [string, string] => {
      const [url] = urlsOf([{ ...to, addresses: [address] }]);
      return [url ?? '', `${to.name} saw ${sameFamily(from.addresses, address)}`];
    }),
  );
  assert.deepEqual(said, new Map(expected), `asked by ${from.name} on ${from.node}`);
}

/** The address of `own` with which a packet to `address` is sent. */
export function sameFamily(own: readonly string[], address: string): string {
  const family = addressFamily(parseAddress(address));
  const found = own.find((each) => addressFamily(parseAddress(each)) === family);
  assert(found !== undefined, `${own.join(', ')}: nothing of the family of ${address}`);
  return found;
}

function splitOnce(line: string): readonly [string, string] {
  const space = line.indexOf(' ');
  return [line.slice(0, space), line.slice(space + 1)];
}
