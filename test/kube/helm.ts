// `helm` as the cluster's admin, where kubectl runs.

import { join } from 'node:path';
import { runInPlace } from '../../src/lab/spawn.ts';
import { helmProgram } from '../../tools/manifests/helm.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { kubectlEnvironment } from './cluster/kubectl.ts';

/**
 * Returns its output. Throws an Error with its error output if it fails. It leaves nothing in the home of this
 * machine's user.
 */
export async function helm(cluster: KubeCluster, ...words: readonly string[]): Promise<string> {
  const { place } = cluster.entry('control-plane');
  const home = (name: string): string => join(cluster.paths.directory, 'helm', name);
  const environment = {
    ...kubectlEnvironment(cluster.paths),
    HELM_CACHE_HOME: home('cache'),
    HELM_CONFIG_HOME: home('config'),
    HELM_DATA_HOME: home('data'),
  };
  const { exitCode, stdout, stderr } = await runInPlace(place, [helmProgram(), ...words], {
    environment,
  });
  if (exitCode === 0) return stdout;
  throw new Error(`helm ${words.join(' ')} ended with exit code ${exitCode}: ${stderr}${stdout}`);
}
