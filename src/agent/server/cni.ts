// One execution of the CNI plugin, from the shim's bytes to the plugin's output. Every failure becomes an answer that
// the runtime understands.

import type { CniAnswer } from '../../api/cni-answer.ts';
import type { Logger } from '../../base/log.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import { answerVersion, type CniCall, splitCall } from '../../cni/call.ts';
import { type CniError, formatError, toCniError } from '../../cni/error.ts';
import { type PodIdentity, parseArguments, podIdentity } from '../../cni/pod-identity.ts';
import { type AddRequest, decodeRequest } from '../../cni/request.ts';
import { formatResult, formatVersions } from '../../cni/result.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { gatewayMac, podGateways } from '../../pods/interface/gateway.ts';
import type { Pods } from '../../pods/pods.ts';

export interface CniOutcome {
  readonly answer: CniAnswer;
  /** As written by the runtime; undefined if it cannot be read. */
  readonly verb: string | undefined;
  /** Absent on success. */
  readonly failure?: { readonly error: CniError; readonly pod: PodIdentity | undefined };
}

/** Never rejects. */
export async function answerCni(pods: Pods, log: Logger, body: Uint8Array): Promise<CniOutcome> {
  const startedAt = performance.now();
  let call: CniCall | undefined;
  try {
    call = splitCall(body);
    const output = await perform(pods, call);
    log.info(fields(call, startedAt), 'CNI request done');
    return { answer: { exitCode: 0, body: output }, verb: verbOf(call) };
  } catch (error) {
    const cniError = toCniError(error);
    log.warn({ ...fields(call, startedAt), code: cniError.code, error }, 'CNI request failed');
    return {
      answer: { exitCode: 1, body: formatError(answerVersion(call), cniError) },
      verb: verbOf(call),
      failure: { error: cniError, pod: identityOf(call) },
    };
  }
}

function verbOf(call: CniCall | undefined): string | undefined {
  return call?.environment.get('CNI_COMMAND');
}

function identityOf(call: CniCall | undefined): PodIdentity | undefined {
  try {
    return podIdentity(parseArguments(call?.environment.get('CNI_ARGS') ?? ''));
  } catch {
    // The arguments may be the cause of the failure.
    return undefined;
  }
}

async function perform(pods: Pods, call: CniCall): Promise<string> {
  const request = decodeRequest(call);
  switch (request.kind) {
    case 'add':
      return addOutput(request, await pods.add(request));
    case 'del':
      await pods.del(request);
      return '';
    case 'check':
      await pods.check(request);
      return '';
    case 'gc':
      await pods.gc(request);
      return '';
    case 'status':
      pods.status();
      return '';
    case 'version':
      return formatVersions(answerVersion(call));
  }
}

function addOutput({ version }: AddRequest, endpoint: LocalEndpoint): string {
  const { hostIfName, ifName, mac, namespacePath, mtuBytes, addresses } = endpoint;
  return formatResult(version, {
    host: { name: hostIfName, mac: gatewayMac },
    pod: { name: ifName, mac, namespacePath },
    mtuBytes,
    addresses,
    gateways: podGateways,
  });
}

function fields(call: CniCall | undefined, startedAt: number): object {
  return {
    verb: verbOf(call),
    containerId: call?.environment.get('CNI_CONTAINERID'),
    pod: podOf(call?.environment.get('CNI_ARGS') ?? ''),
    durationMs: Math.round((performance.now() - startedAt) * 10) / 10,
  };
}

// The pod as given, even if another part of the arguments is wrong.
function podOf(cniArgs: string): string | undefined {
  const field = (name: string): string | undefined =>
    cniArgs
      .split(';')
      .find((pair) => pair.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const namespace = field('K8S_POD_NAMESPACE');
  const name = field('K8S_POD_NAME');
  return namespace === undefined || name === undefined
    ? undefined
    : namespacedName({ namespace, name });
}
