// Executes a CNI plugin as a container runtime does, once per pod, and measures the time. A shell in the node's
// namespace does it: starting a process from Node.js would take longer than some of the calls.

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
  /** The node's network namespace. */
  readonly namespacePath: string;
  readonly executable: string;
  /** Passed on standard input of each call. */
  readonly configuration: object;
}

export interface BenchPod {
  readonly containerId: string;
  readonly namespacePath: string;
}

export type Verb = 'ADD' | 'DEL';

// In memory: after thousands of files were created and deleted, ext4 takes half a millisecond to find an inode for a
// new one, and the plugins keep their files on that disk.
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const call = `
call() {
  CNI_COMMAND=$VERB CNI_CONTAINERID=$1 CNI_NETNS=$2 CNI_IFNAME=eth0 CNI_PATH=\${PLUGIN%/*} \\
    $PLUGIN <"$FOLDER/configuration" >"$FOLDER/$1" || { echo "$VERB $1:" >&2; cat "$FOLDER/$1" >&2; exit 1; }
}
`;

/** One after the other: milliseconds of each call. Throws an Error with the plugin's output if a call fails. */
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
 * All at once: milliseconds until the last call ends. `meanwhile`, a command in the node's namespace, starts with them.
 * Throws an Error with the output of the plugin or command that failed.
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

/** Some plugins delete interfaces later: the next measurement must not pay for it. */
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
