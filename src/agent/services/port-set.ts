// Sets of ports as the kernel writes them in net.ipv4.ip_local_reserved_ports: `8080,30000-32767`. Pure.

export type PortSet = ReadonlySet<number>;

/** What is no port or range is left out: the kernel writes none. */
export function parsePorts(text: string): PortSet {
  const ports = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let port = Number(first); port <= Math.min(Number(last), 65_535); port++) ports.add(port);
  }
  return ports;
}

export function formatPorts(ports: PortSet): string {
  const sorted = [...ports].sort((left, right) => left - right);
  const ranges: [first: number, last: number][] = [];
  for (const port of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === port - 1) last[1] = port;
    else ranges.push([port, port]);
  }
  return ranges
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}

export function without(ports: PortSet, removed: PortSet): PortSet {
  return new Set([...ports].filter((port) => !removed.has(port)));
}
