// etcd's own API (its gRPC gateway), for actions that the API server performs only every few minutes.

import { runInPlace } from '../../../src/lab/spawn.ts';
import { controlPlanePlace, etcdClients } from './control-plane.ts';
import type { ClusterPaths } from './paths.ts';

/**
 * Deletes the whole history: a watch that continues from an older revision gets 410 Gone when it reaches etcd.
 * Equivalent to: `etcdctl compact $(revision)`. Returns the revision.
 */
export async function compactEtcd(paths: ClusterPaths): Promise<number> {
  const found = await ask(paths, 'range', { key: Buffer.from('\0').toString('base64') });
  const { revision } = (found as { header: { revision: string } }).header;
  await ask(paths, 'compaction', { revision, physical: true });
  return Number(revision);
}

async function ask(paths: ClusterPaths, call: string, body: object): Promise<unknown> {
  const url = `${etcdClients}/v3/kv/${call}`;
  const words = ['curl', '-sS', '--fail-with-body', '--max-time', '10', '--json', '@-', url];
  const input = JSON.stringify(body);
  const { exitCode, stdout, stderr } = await runInPlace(controlPlanePlace(paths), words, { input });
  if (exitCode !== 0) throw new Error(`etcd ${call} ${input}: ${stderr}${stdout}`);
  return JSON.parse(stdout);
}
