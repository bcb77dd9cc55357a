// Keeps the kernel from choosing node ports for sockets that ask for any free port (net.ipv4.ip_local_reserved_ports, of
// this network namespace and of both families). Other programs and the administrator reserve ports there too: what the
// agent added is remembered on disk, and nothing else is removed.

import { errorText } from '../../base/errors.ts';
import type { SysctlMemory } from '../../datapath/host/sysctls.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { formatPorts, type PortSet, parsePorts, without } from './port-set.ts';

/** Where the added ports are remembered, in place of an earlier value: they end with the boot and the namespace too. */
export interface AddedPorts extends Pick<SysctlMemory, 'remember' | 'recall' | 'forget'> {
  /** Writes the file again if it is missing. */
  keep(): void;
}

export interface ReservedPortsAccess {
  read(): string;
  write(text: string): void;
}

const name = 'net/ipv4/ip_local_reserved_ports';
const kernelAccess: ReservedPortsAccess = {
  read: () => readSysctl(name),
  // An empty text is not written at all.
  write: (text) => writeSysctl(name, text === '' ? '\n' : text),
};

/**
 * `range`: `30000-32767`; undefined: releases what was added before. Can be repeated. Returns why it failed, as a sentence.
 */
export function reservePorts(
  range: string | undefined,
  added: AddedPorts,
  kernel: ReservedPortsAccess = kernelAccess,
): string | undefined {
  const before = added.recall(name);
  if (range === undefined && before === undefined) return undefined;
  try {
    const present = parsePorts(kernel.read());
    const ours = addedBefore(before, present);
    const others = without(present, ours);
    const wanted = parsePorts(range ?? '');
    const adding = without(wanted, others);
    const result = new Set([...others, ...adding]);
    // First: an agent that is killed in between must not forget what is its own.
    keep(added, formatPorts(new Set([...ours, ...adding])));
    if (result.size !== present.size || without(result, present).size > 0)
      kernel.write(formatPorts(result));
    keep(added, formatPorts(adding));
    added.keep();
    return undefined;
  } catch (error) {
    return `services.nodePortRange: ${range ?? 'the ports that were reserved'}: ${errorText(error)}; processes of the node may be given these ports`;
  }
}

// Another program that wrote the whole parameter anew, without ours, owns all of it.
function addedBefore(text: string | undefined, present: PortSet): PortSet {
  const ports = parsePorts(text ?? '');
  return without(ports, present).size === 0 ? ports : new Set();
}

function keep(added: AddedPorts, text: string): void {
  if (added.recall(name) === (text === '' ? undefined : text)) return;
  added.forget(name);
  if (text !== '') added.remember(name, text);
}
