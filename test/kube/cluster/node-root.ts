// A node's own view of the machine's files: /etc/cni, /etc/kubernetes, /opt, /run, /var/lib, /var/log, /sys and bpffs
// are its own, everything else is this machine's. So the host paths of a DaemonSet, pins and CNI files of two nodes
// never collide, and all mounts of a node end with its last process.

import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The path of the node's v2 cgroup for an agent in a pod. */
export const nodeCgroupPath = '/run/heddle/cgroup';
/** The path of the programs' folder in a node: the home of this machine's user may be hidden. */
export const nodeProgramsPath = '/run/programs';

const folders = [
  'etc/cni/net.d',
  'etc/kubernetes/manifests',
  'etc-points/cni',
  'etc-points/kubernetes',
  'opt/cni/bin',
  'run/heddle/cgroup',
  'run/programs',
  'run/lock',
  'run/netns',
  'var/lib/kubelet',
  'var/lib/containerd',
  'var/lib/heddle',
  'var/lib/cni',
  'var/log/pods',
  'cgroup',
];

const referencePlugins = '/usr/lib/cni';
const links = ['bridge', 'host-local', 'loopback', 'portmap', 'bandwidth'];

/** Creates missing folders of the node: after a reboot /run is empty, the rest stays. */
export function prepareRoot(root: string): void {
  rmSync(join(root, 'run'), { recursive: true, force: true });
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  for (const plugin of links) {
    const link = join(root, 'opt/cni/bin', plugin);
    rmSync(link, { force: true });
    symlinkSync(join(referencePlugins, plugin), link);
  }
}

// Runs in new mount and host-name namespaces, with private propagation, so that mounts made here are visible only here.
// Copies of named namespaces and overlays of other processes would live as long as this node, so they are unmounted
// first. There may be thousands, the kernel waits some 20 ms at the end of each call, and other processes may remove
// theirs at the same time.
const script = `set -eu
root=$1 name=$2 programs=$3 cgroup=$4
hostname "$name"
awk '$3 == "nsfs" || ($3 == "overlay" && $2 != "/") { print $2 }' /proc/self/mounts |
  xargs -r -n 16 -P 16 umount -l 2>/dev/null || true
mount --rbind /sys/fs/cgroup "$root/cgroup"
umount -l /sys
mount -t sysfs sysfs /sys
mount --rbind "$root/cgroup" /sys/fs/cgroup
umount -l "$root/cgroup"
mount -t bpf bpf /sys/fs/bpf
mount --bind "$programs" "$root/run/programs"
mount --bind "$cgroup" "$root${nodeCgroupPath}"
mount -t overlay -o "lowerdir=$root/etc-points:/etc" overlay /etc
for own in etc/cni etc/kubernetes opt run var/log var/lib; do mount --rbind "$root/$own" "/$own"; done
mount --make-rshared /
touch /run/booted
exec sleep infinity`;

export interface RootOptions {
  readonly root: string;
  readonly node: string;
  readonly programs: string;
  readonly cgroup: string;
}

/** The process of a node: it holds the namespaces, and others enter them through it. */
export function holderCommand({ root, node, programs, cgroup }: RootOptions): readonly string[] {
  const own = ['unshare', '--mount', '--uts', '--propagation', 'private'];
  return [...own, 'sh', '-c', script, 'node', root, node, programs, cgroup];
}

/** A command line that runs `command` as a process of the node; the caller chooses the network namespace. */
export function enterCommand(holder: number, command: readonly string[]): readonly string[] {
  return ['nsenter', '--target', String(holder), '--mount', '--uts', '--', ...command];
}
