// Reads the devices of base chains over netlink, because libnftables 1.0.6 (Debian 12) omits them from its JSON
// listings (linux/netfilter/nf_tables.h: NFTA_CHAIN_*, NFTA_HOOK_*).

import { Attributes, listElements } from '../netlink/protocol/attribute.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { NftFamily } from './nft-family.ts';
import { nftFamilyNumbers } from './nft-xtables.ts';

/** Names of interfaces by `TABLE CHAIN`; chains without any are omitted. */
export type DevicesByChain = ReadonlyMap<string, readonly string[]>;

const getChain = (10 << 8) | 4;
const headerBytes = 4;
const chainAttributes = { table: 1, name: 3, hook: 4 } as const;
const hookAttributes = { device: 3, devices: 4 } as const;

/** Throws KernelError. */
export function listChainDevices(
  socket: Pick<NetlinkSocket, 'dump'>,
  family: NftFamily,
): DevicesByChain {
  const query: Query = {
    call: 'nft chain list',
    subject: family,
    type: getChain,
    // struct nfgenmsg: family, version 0, no resource.
    write: (message) => message.u32(nftFamilyNumbers[family]),
  };
  const chains = socket.dump(query, (payload) => {
    const attributes = new Attributes(payload.subarray(headerBytes));
    const hook = attributes.nested(chainAttributes.hook);
    const several = hook?.view(hookAttributes.devices);
    const names = several === undefined ? [] : listElements(several).map(textOf);
    const one = hook?.text(hookAttributes.device);
    const devices = one === undefined || names.length > 0 ? names : [one];
    const key = `${attributes.text(chainAttributes.table)} ${attributes.text(chainAttributes.name)}`;
    return devices.length === 0 ? undefined : ([key, devices] as const);
  });
  return new Map(chains);
}

// NUL-terminated.
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
