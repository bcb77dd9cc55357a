// An interface that leaves checksums and segmentation to the kernel, as the simplest network card does.

import { close, ioctl, socket } from '../../src/kernel/libc.ts';
import { allocateMemory } from '../../src/kernel/memory.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';

const ethtool = 0x8946; // SIOCETHTOOL
const commands = { transmitChecksum: 0x17, scatterGather: 0x19, tso: 0x1f, gso: 0x24 } as const;

/** Equivalent to: `ethtool -K NAME tx off sg off tso off gso off`. */
export function turnOffloadsOff(namespacePath: string, name: string): void {
  const value = allocateMemory(8); // struct ethtool_value
  const request = allocateMemory(40); // struct ifreq
  request.bytes.set(Buffer.from(name));
  request.view.setBigUint64(16, value.address, true);
  using namespace = NetworkNamespace.open(namespacePath);
  const fd = namespace.run(() => socket(2, 2, 0));
  try {
    for (const command of [commands.tso, commands.gso, commands.scatterGather]) {
      set(command);
    }
    set(commands.transmitChecksum);
  } finally {
    close(fd);
  }

  function set(command: number): void {
    value.view.setUint32(0, command, true);
    value.view.setUint32(4, 0, true);
    ioctl(fd, ethtool, Number(request.address));
  }
}
