// How many files this process may have open (RLIMIT_NOFILE), and who may have how many of them. Node.js has raised the soft limit
// to the hard one before any of our code runs. Imports nothing of ours: it is asked before the rest of the agent can be read.

import { existsSync, readFileSync } from 'node:fs';

/** For the agent's modules, maps, programs and links, its connections to the API server, its ports, and 64 ADDs at a time. */
const reserved = 384;
/** What an agent needs to serve pods. */
const leastForAgent = 512;
/** What any other command needs, most of it for modules that are read at the same time. */
const leastForCommand = 192;
const mostConnections = 1024;

/** One sentence when the command cannot work with this limit. `limits`: the text of /proc/self/limits. */
export function openFilesProblem(
  command: string | undefined,
  limits: string = ownLimits(),
): string | undefined {
  const least = command === 'agent' ? leastForAgent : leastForCommand;
  const limit = openFilesLimit(limits);
  if (limit >= least) return undefined;
  return `this process may have ${limit} files open (RLIMIT_NOFILE), and needs ${least}: raise the limit (LimitNOFILE= of a systemd service, \`ulimit -n\` in a shell)`;
}

/** How many connections the sockets of the API and the CNI shim may have together, so that descriptors are left for all else. */
export function apiConnections(limits: string = ownLimits()): number {
  return Math.min(mostConnections, Math.floor((openFilesLimit(limits) - reserved) / 2));
}

/** Empty without /proc, as in a bare chroot: nothing is known then, and nothing refused. `file`: for tests. */
export function ownLimits(file = '/proc/self/limits'): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function openFilesLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
