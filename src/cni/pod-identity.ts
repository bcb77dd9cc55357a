// CNI_ARGS (`K=V;K=V`), in which Kubernetes runtimes pass the pod of a container.

import { CniError, cniErrorCode } from './error.ts';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}

/** Undefined if no pod is named, as outside Kubernetes. `fields`: the result of `parseArguments`. */
export function podIdentity(fields: ReadonlyMap<string, string>): PodIdentity | undefined {
  const namespace = fields.get('K8S_POD_NAMESPACE') ?? '';
  const name = fields.get('K8S_POD_NAME') ?? '';
  // Podman passes the container's name as K8S_POD_NAME without a namespace: not a pod of a cluster.
  if (namespace === '' || name === '') return undefined;
  const uid = fields.get('K8S_POD_UID') ?? '';
  return { namespace, name, ...(uid !== '' && { uid }) };
}

/** Throws CniError (invalidEnvironment). */
export function parseArguments(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) {
      throw new CniError(
        cniErrorCode.invalidEnvironment,
        `CNI_ARGS: ${JSON.stringify(pair)} is not KEY=VALUE`,
      );
    }
    fields.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return fields;
}
