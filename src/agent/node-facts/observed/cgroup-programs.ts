// Programs of other software at the cgroups that contain every pod: they decide what processes of pods may send and
// receive, or redirect their connections, before an interface sees a packet. A removed pod network may have left some
// (Cilium's Service translation), and systemd attaches them for IPAddressDeny.

import { existsSync } from 'node:fs';
import { queryCgroup } from '../../../kernel/bpf/attach/cgroup.ts';
import type { CgroupAttachType } from '../../../kernel/bpf/attach-type.ts';
import { BpfProgram } from '../../../kernel/bpf/program.ts';
import { isKernelError } from '../../../kernel/errno.ts';

const restMs = 30_000;
const hooks: readonly CgroupAttachType[] = [
  'cgroup_inet_ingress',
  'cgroup_inet_egress',
  'cgroup_inet_sock_create',
  'cgroup_inet4_connect',
  'cgroup_inet6_connect',
  'cgroup_udp4_sendmsg',
  'cgroup_udp6_sendmsg',
];
// Names used by the kubelet's cgroup drivers, systemd and cgroupfs.
const podFolders = ['kubepods.slice', 'kubepods'];

export class CgroupPrograms {
  readonly #root: string | undefined;
  readonly #isOwn: (id: number) => boolean;
  readonly #now: () => number;
  #found: readonly string[] = [];
  #restUntil = Number.NEGATIVE_INFINITY;

  /** `root`: root of the hierarchy; undefined: unknown. `isOwn`: by the program's id. `now`: monotonic time in ms. */
  constructor(
    root: string | undefined,
    isOwn: (id: number) => boolean = () => false,
    now: () => number = () => performance.now(),
  ) {
    this.#root = root;
    this.#isOwn = isOwn;
    this.#now = now;
  }

  /** `inet4_connect of /sys/fs/cgroup: program cil_sock4_conne (12)`. Throws KernelError. */
  look(): readonly string[] {
    const root = this.#root;
    if (root === undefined || this.#now() < this.#restUntil) return this.#found;
    const folders = [root, ...podFolders.map((name) => `${root}/${name}`)].filter(existsSync);
    this.#found = folders.flatMap((folder) =>
      hooks.flatMap((hook) => programsOf(folder, hook, this.#isOwn)),
    );
    this.#restUntil = this.#now() + restMs;
    return this.#found;
  }
}

function programsOf(
  folder: string,
  hook: CgroupAttachType,
  isOwn: (id: number) => boolean,
): readonly string[] {
  try {
    const place = `${hook.replace('cgroup_', '')} of ${folder}`;
    return queryCgroup(folder, hook)
      .filter((id) => !isOwn(id))
      .map((id) => `${place}: program ${nameOf(id)} (${id})`);
  } catch (error) {
    // The cgroup was removed meanwhile, the kernel has no such hook, or the process may not query it.
    if (isKernelError(error, 'ENOENT', 'EINVAL', 'EPERM')) return [];
    throw error;
  }
}

function nameOf(id: number): string {
  try {
    using program = BpfProgram.openById(id);
    return program.name;
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EPERM')) return '?';
    throw error;
  }
}
