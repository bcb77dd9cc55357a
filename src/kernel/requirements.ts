// Requirements on the machine, checked before anything else: one sentence per missing one, with the remedy, instead of
// an errno later.

import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errorText } from '../base/errors.ts';
import { libbpf } from './libbpf.ts';
import { mount } from './libc.ts';

/** tcx links (6.6) are the newest feature that is always needed. */
export const minimumKernel = '6.6';
export const bpffsPath = '/sys/fs/bpf';

export interface HostSupport {
  /** `uname -r`. */
  readonly release: string;
  /** The bit set CapEff of /proc/self/status. */
  readonly capabilities: bigint;
  readonly hasBtf: boolean;
  /** The text of /proc/self/mounts. */
  readonly mounts: string;
  /** Why libbpf cannot be used; absent if it can. */
  readonly libbpfProblem?: string;
}

const capabilities = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

/** One sentence per requirement that this machine or process does not meet; empty if all are met. */
export function checkHost(facts: HostSupport = readHost()): readonly string[] {
  const lacking = Object.entries(capabilities)
    .filter(([, bit]) => ((facts.capabilities >> bit) & 1n) === 0n)
    .map(([name]) => name);
  const problems = [
    lacking.length > 0 &&
      `Root is required (this process lacks ${lacking.join(' and ')}): use sudo.`,
    isOlder(facts.release, minimumKernel) &&
      `Linux ${facts.release} is too old: ${minimumKernel} or later is needed (on Debian 12, linux-image-amd64 from bookworm-backports).`,
    !facts.hasBtf &&
      'The kernel has no type information (/sys/kernel/btf/vmlinux): boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distribution kernels are.',
    findMount(facts.mounts, 'bpf') === undefined &&
      `The BPF file system is not mounted: run \`mount -t bpf bpf ${bpffsPath}\`.`,
    findCgroup2Mount(facts.mounts) === undefined &&
      'There is no cgroup v2 hierarchy: run `mount -t cgroup2 none /sys/fs/cgroup`, or boot with systemd.unified_cgroup_hierarchy=1.',
    facts.libbpfProblem !== undefined && `${facts.libbpfProblem}.`,
  ];
  return problems.filter((problem) => problem !== false);
}

export function readHost(): HostSupport {
  const status = readFileSync('/proc/self/status', 'utf8');
  const problem = libbpfProblem();
  return {
    release: release(),
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`),
    hasBtf: existsSync('/sys/kernel/btf/vmlinux'),
    mounts: readMounts(),
    ...(problem === undefined ? {} : { libbpfProblem: problem }),
  };
}

/** Mount point of the cgroup v2 hierarchy: /sys/fs/cgroup, or /sys/fs/cgroup/unified on hybrid systems. */
export function findCgroup2Mount(mounts: string = readMounts()): string | undefined {
  return findMount(mounts, 'cgroup2');
}

/**
 * The root of the cgroup v2 hierarchy, as far as it is mounted. A container's own mount begins at the container's cgroup;
 * in one of the node's folders, the root is above that: `/../../..`. Linux: cgroup_namespaces(7).
 */
export function findCgroupRoot(
  mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): string | undefined {
  const found = mountInfo.split('\n').flatMap((line) => {
    const [place = '', kind = ''] = line.split(' - ');
    const [, , , root = '', path] = place.split(' ');
    if (!kind.startsWith('cgroup2 ') || path === undefined) return [];
    return [{ path: unescapeMount(path), above: root.split('/..').length }];
  });
  const highest = Math.max(...found.map(({ above }) => above));
  return found.find(({ above }) => above === highest)?.path;
}

/**
 * Mounts the BPF file system if it is not mounted; returns true if it did. Throws KernelError without the permission.
 */
export function mountBpffs(target: string = bpffsPath): boolean {
  const there = mountsOf(readMounts()).some(({ type, path }) => type === 'bpf' && path === target);
  if (!there) mount({ source: 'bpf', target, type: 'bpf' });
  return !there;
}

function libbpfProblem(): string | undefined {
  try {
    libbpf();
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function readMounts(): string {
  return readFileSync('/proc/self/mounts', 'utf8');
}

function findMount(mounts: string, type: string): string | undefined {
  return mountsOf(mounts).find((entry) => entry.type === type)?.path;
}

function mountsOf(mounts: string): { path: string; type: string }[] {
  return mounts.split('\n').flatMap((line) => {
    const [, path, type] = line.split(' ');
    return path === undefined || type === undefined ? [] : [{ path: unescapeMount(path), type }];
  });
}

/** /proc/self/mounts writes spaces as `\040`. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
}

function isOlder(found: string, least: string): boolean {
  const [major = 0, minor = 0] = found.split('.').map((part) => Number.parseInt(part, 10));
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}
