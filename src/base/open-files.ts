// The limit on open files of this process (RLIMIT_NOFILE) and how it is shared out. Node.js raises the soft limit to
// the hard limit before our code runs. This file has no imports from src, because it is used before the rest of the
// agent can be read.

import { existsSync, readFileSync } from 'node:fs';

/**
 * For the agent's modules, maps, programs and links, its connections to the API server, its ports, and 64 concurrent
 * ADDs.
 */
const reserved = 384;
/** Minimum for an agent that serves pods. */
const leastForAgent = 512;
/** Minimum for any other command, mostly for modules that are read concurrently. */
const leastForCommand = 192;
const mostConnections = 1024;
/** Kubernetes takes them from the range of node ports, by default 2,768 ports. */
const mostHealthCheckPorts = 4096;

/** Returns one sentence if the command cannot work with this limit. `limits`: the text of /proc/self/limits. */
export function openFilesProblem(
  command: string | undefined,
  limits: string = ownLimits(),
): string | undefined {
  const least = command === 'agent' ? leastForAgent : leastForCommand;
  const limit = openFilesLimit(limits);
  if (limit >= least) return undefined;
  return `this process may open ${limit} files (RLIMIT_NOFILE), but needs ${least}: raise the limit (LimitNOFILE= of a systemd service, \`ulimit -n\` in a shell)`;
}

/** Maximum number of connections to the sockets of the API and the CNI shim together that leaves enough descriptors for everything else. */
export function apiConnections(limits: string = ownLimits()): number {
  return Math.min(mostConnections, Math.floor((openFilesLimit(limits) - reserved) / 2));
}

/**
 * Maximum number of health check ports of Services, and of connections to all of them together: of what the sockets leave,
 * half and a quarter.
 */
export function healthCheckFiles(limits: string = ownLimits()): {
  readonly ports: number;
  readonly connections: number;
} {
  const left = Math.floor((openFilesLimit(limits) - reserved) / 2);
  return {
    ports: Math.min(mostHealthCheckPorts, Math.floor(left / 2)),
    connections: Math.min(mostConnections, Math.floor(left / 4)),
  };
}

/** Empty without /proc, as in a bare chroot: the limit is then unknown and nothing is refused. `file`: for tests. */
export function ownLimits(file = '/proc/self/limits'): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function openFilesLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
