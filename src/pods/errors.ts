// Names of pods and operations in errors and logs.

import { type NamespacedName, podOrContainer } from '../base/namespaced-name.ts';
import { CniError, cniErrorCode, toCniError } from '../cni/error.ts';
import type { AddRequest, CniAttachment } from '../cni/request.ts';
import { isKernelError } from '../kernel/errno.ts';

/** The fields that identify an attachment. */
interface Named extends CniAttachment {
  readonly pod?: NamespacedName | undefined;
}

/** Name for users: the pod if there is one, otherwise the start of the container's id. */
export function nameOf(named: Named): string {
  return `${podOrContainer(named)} ${named.ifName}`;
}

/** Wraps an error as one of the whole verb, with the pod's name. */
export function explain(verb: string, request: Named, error: unknown): CniError {
  const { code, message, details = hint(error), about } = toCniError(error);
  const text = `${verb} ${nameOf(request)}: ${message}`;
  return new CniError(code, text, { details, about, plain: message, cause: error });
}

// The first route that ADD sets in a pod is the default route.
function hint(error: unknown): string | undefined {
  if (!isKernelError(error, 'EEXIST') || error.call !== 'route add') return undefined;
  return 'the pod has a default route through another interface; heddle supports one interface per pod, with the default route, and has removed this one';
}

/** ADD of an interface that already exists in the pod. */
export function interfaceExists({ ifName, namespacePath }: AddRequest): CniError {
  return new CniError(
    cniErrorCode.interfaceExists,
    `interface ${ifName} already exists in ${namespacePath}`,
    { details: 'delete it first (DEL), or use another CNI_IFNAME' },
  );
}
