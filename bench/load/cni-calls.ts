// Executes a CNI plugin as a container runtime does, once a pod, and takes the time. A shell in the node's namespace does
// it: starting a process from Node.js would cost more than some of the calls.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';

const run = promisify(execFile);

export interface Plugin {
  readonly name: string;
  /** Of the node. */
  readonly namespacePath: string;
  readonly executable: string;
  /** On standard input of each call. */
  readonly configuration: object;
}

export interface BenchPod {
  readonly containerId: string;
  readonly namespacePath: string;
}

export type Verb = 'ADD' | 'DEL';

// In memory: where thousands of files have just come and gone, ext4 takes half a millisecond to find an inode for a new one,
// and what the plugins keep is on that disk.
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const call = `
call() {
  CNI_COMMAND=$VERB CNI_CONTAINERID=$1 CNI_NETNS=$2 CNI_IFNAME=eth0 CNI_PATH=\${PLUGIN%/*} \\
    $PLUGIN <"$FOLDER/configuration" >"$FOLDER/$1" || { echo "$VERB $1:" >&2; cat "$FOLDER/$1" >&2; exit 1; }
}
`;

/** One after the other: milliseconds each. Throws with what the plugin printed when a call fails. */
export async function callInTurn(
  plugin: Plugin,
  verb: Verb,
  pods: readonly BenchPod[],
): Promise<readonly number[]> {
  const script = `${call}
    while read -r id netns; do
      began=$EPOCHREALTIME
      call $id $netns || exit 1
      ended=$EPOCHREALTIME
      echo $((\${ended/./} - \${began/./}))
    done <"$FOLDER/pods"`;
  const lines = (await shell(plugin, verb, { pods, script })).trim().split('\n');
  return lines.map((microseconds) => Number(microseconds) / 1000);
}

/**
 * All at once: milliseconds until the last is done. `meanwhile`, a command in the node's namespace, begins with them. Throws with what
 * the plugin or the command printed when one fails.
 */
export async function callAtOnce(
  plugin: Plugin,
  verb: Verb,
  pods: readonly BenchPod[],
  meanwhile = ':',
): Promise<number> {
  const script = `${call}
    began=$EPOCHREALTIME
    ${meanwhile} & other=$!
    while read -r id netns; do call $id $netns & calls="$calls $!"; done <"$FOLDER/pods"
    for each in $calls; do wait $each || exit 1; done
    ended=$EPOCHREALTIME
    wait $other || exit 1
    echo $((\${ended/./} - \${began/./}))`;
  return Number(await shell(plugin, verb, { pods, script })) / 1000;
}

/** The pods' interfaces on the plugin's node. */
export function interfaceCount({ namespacePath }: Plugin): number {
  using namespace = NetworkNamespace.open(namespacePath);
  using socket = NetlinkSocket.open({ namespace });
  return listLinks(socket, { kind: 'veth' }).length;
}

/** Some leave the deletion of interfaces for later: whoever is measured next must not pay for it. */
export async function untilDeleted(plugin: Plugin, count: number): Promise<void> {
  for (let tries = 0; interfaceCount(plugin) > count; tries++) {
    if (tries > 500) throw new Error(`${plugin.name}: interfaces of deleted pods are still there`);
    await sleep(20);
  }
}

async function shell(
  { namespacePath, executable, configuration }: Plugin,
  verb: Verb,
  { pods, script }: { readonly pods: readonly BenchPod[]; readonly script: string },
): Promise<string> {
  const folder = mkdtempSync(join(scratch, 'heddle-bench-cni-'));
  try {
    const lines = pods.map((pod) => `${pod.containerId} ${pod.namespacePath}\n`);
    writeFileSync(join(folder, 'pods'), lines.join(''));
    writeFileSync(join(folder, 'configuration'), JSON.stringify(configuration));
    const { stdout } = await run('nsenter', [`--net=${namespacePath}`, 'bash', '-c', script], {
      env: {
        PATH: process.env['PATH'],
        LC_ALL: 'C',
        VERB: verb,
        PLUGIN: executable,
        FOLDER: folder,
      },
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
