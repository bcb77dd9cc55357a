// Objects that a lab may leave on a machine: compared before and after, to show that it leaves nothing.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { listAddresses } from '../../src/kernel/netlink/address.ts';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { listRoutes } from '../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { cgroupMount, cgroupProcesses } from '../../src/lab/cgroup.ts';
import { labPaths } from '../../src/lab/paths.ts';

/** Links, addresses and routes of the network namespace of the tests. */
export function hostNetwork(): object {
  using socket = NetlinkSocket.open();
  return {
    links: listLinks(socket).map(({ name }) => name),
    addresses: listAddresses(socket).map(({ address, ifIndex }) => `${address} ${ifIndex}`),
    routes: listRoutes(socket).map(({ destination, gateway, ifIndex }) => [
      destination,
      gateway,
      ifIndex,
    ]),
    rules: execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }),
  };
}

/** Everything on this machine with the lab's name. */
export function traces(lab: string): readonly string[] {
  const paths = labPaths(lab);
  const cgroup = `${cgroupMount()}/${paths.cgroupName}`;
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [
    ...[paths.directory, paths.pins, paths.log, cgroup].filter(existsSync),
    ...mounts.filter((line) => line.includes(`/${lab}/`)),
    ...cgroupProcesses(cgroup).map((pid) => `process ${pid}`),
    ...processesNaming(`/${lab}/`).map((pid) => `process ${pid}`),
  ];
}

/** Ids of all BPF programs and maps that are pinned by the lab, by kind. */
export function bpfIds(pins: string): { readonly programs: number[]; readonly maps: number[] } {
  const files = readdirSync(pins, { recursive: true, encoding: 'utf8' });
  const pinned = (folder: string): string[] => files.filter((file) => file.includes(`/${folder}/`));
  const id = (kind: 'prog' | 'map', file: string): number[] => {
    try {
      const shown = execFileSync('bpftool', ['-j', kind, 'show', 'pinned', `${pins}/${file}`], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return [(JSON.parse(shown) as { id: number }).id];
    } catch {
      // There is a folder among the files.
      return [];
    }
  };
  return {
    programs: pinned('programs').flatMap((file) => id('prog', file)),
    maps: pinned('maps').flatMap((file) => id('map', file)),
  };
}

/** The ids that still exist in the kernel. */
export function livingBpf(ids: { readonly programs: number[]; readonly maps: number[] }): string[] {
  const living = (kind: 'prog' | 'map'): number[] => {
    const shown = execFileSync('bpftool', ['-j', kind, 'show'], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return (JSON.parse(shown) as { id: number }[]).map(({ id }) => id);
  };
  const programs = living('prog');
  const maps = living('map');
  return [
    ...ids.programs.filter((id) => programs.includes(id)).map((id) => `program ${id}`),
    ...ids.maps.filter((id) => maps.includes(id)).map((id) => `map ${id}`),
  ];
}

function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}
