// Calls the CNI shim as a container runtime does: CNI_* in the environment, the plugin's configuration on standard
// input, a result or an error as JSON on standard output (CNI specification 1.1, sections 2 and 5).

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { namespacedName } from '../base/namespaced-name.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { LabPortMapping } from './manifests.ts';
import { shimPath } from './paths.ts';
import { runInPlace } from './spawn.ts';

export interface PluginRequest {
  readonly command: 'ADD' | 'DEL' | 'CHECK';
  readonly containerId: string;
  readonly namespacePath: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly portMappings?: readonly LabPortMapping[] | undefined;
  readonly node: {
    readonly namespacePath: string;
    readonly cgroup: string;
    readonly conflist: string;
  };
}

/** An error reply of the plugin. `code` as in the specification's table (11: try again later). */
export class PluginError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.name = 'CniError';
    this.code = code;
  }
}

const conflist = z.object({
  cniVersion: z.string(),
  name: z.string(),
  plugins: z.array(z.looseObject({ type: z.string() })).min(1),
});
const addResult = z.object({ ips: z.array(z.object({ address: z.string() })).default([]) });
const errorReply = z.object({ code: z.number(), msg: z.string(), details: z.string().optional() });

export const podInterface = 'eth0';

/** Returns the pod's addresses after ADD, otherwise none. Throws PluginError. */
export async function callCni(request: PluginRequest): Promise<readonly Address[]> {
  const { exitCode, stdout, stderr } = await runInPlace(request.node, [shimPath()], {
    input: pluginConfiguration(request),
    environment: cniEnvironment(request),
  });
  if (exitCode !== 0) throw cniError(request, stdout, stderr);
  if (request.command !== 'ADD') return [];
  const { ips } = addResult.parse(JSON.parse(stdout));
  return ips.map(({ address }) => parseAddress(address.split('/')[0] ?? ''));
}

function cniEnvironment({
  command,
  containerId,
  namespacePath,
  pod,
}: PluginRequest): Record<string, string> {
  const names = {
    IgnoreUnknown: '1',
    K8S_POD_NAMESPACE: pod.namespace,
    K8S_POD_NAME: pod.name,
    K8S_POD_INFRA_CONTAINER_ID: containerId,
    K8S_POD_UID: pod.uid,
  };
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: namespacePath,
    CNI_IFNAME: podInterface,
    CNI_PATH: shimPath().replace(/\/[^/]*$/, ''),
    CNI_ARGS: Object.entries(names)
      .map(([name, value]) => `${name}=${value}`)
      .join(';'),
  };
}

// The runtime passes a plugin its own entry of the list, with the list's name and version added (section 3).
function pluginConfiguration({ node, portMappings }: PluginRequest): string {
  const text = readFileSync(node.conflist, 'utf8');
  const { cniVersion, name, plugins } = conflist.parse(JSON.parse(text));
  // A runtime removes the capabilities and passes its values for them.
  const plugin = { ...plugins[0], capabilities: undefined };
  const runtimeConfig = portMappings === undefined ? {} : { runtimeConfig: { portMappings } };
  return JSON.stringify({ ...plugin, cniVersion, name, ...runtimeConfig });
}

function cniError({ command, pod }: PluginRequest, stdout: string, stderr: string): PluginError {
  const what = `CNI ${command} of ${namespacedName(pod)}`;
  try {
    const { code, msg, details } = errorReply.parse(JSON.parse(stdout));
    return new PluginError(`${what}: ${msg}${details ? ` (${details})` : ''} (code ${code})`, code);
  } catch {
    return new PluginError(
      `${what}: the plugin ended without an error reply: ${stderr || stdout}`,
      999,
    );
  }
}
