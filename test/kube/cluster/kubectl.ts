// kubectl as the cluster's admin, in the control plane's namespace.

import { join } from 'node:path';
import { type Finished, runInPlace } from '../../../src/lab/spawn.ts';
import { controlPlanePlace } from './control-plane.ts';
import type { ClusterPaths } from './paths.ts';
import { type Programs, programPath } from './programs.ts';

/** The common part of all calls. */
export interface KubectlContext {
  readonly paths: ClusterPaths;
  readonly programs: Programs;
}

/** Runs to its end, with any exit code. */
export function runKubectl(
  { paths, programs }: KubectlContext,
  words: readonly string[],
  input?: string,
): Promise<Finished> {
  return runInPlace(controlPlanePlace(paths), [programPath(programs, 'kubectl'), ...words], {
    environment: kubectlEnvironment(paths),
    ...(input === undefined ? {} : { input }),
  });
}

export function kubectlEnvironment({
  adminConfig,
  directory,
}: ClusterPaths): Record<string, string> {
  return { KUBECONFIG: adminConfig, KUBECACHEDIR: join(directory, 'kubectl-cache') };
}
