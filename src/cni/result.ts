// Formats the result of ADD for each version of the specification (CNI spec 1.1, section 5).

import { type Address, type AddressFamily, addressFamily } from '../net/address.ts';
import type { Mac } from '../net/mac.ts';
import { hostPrefix } from '../net/prefix.ts';
import { type CniVersion, cniVersions, isAtLeast } from './version.ts';

/** The result of ADD, independent of the version. */
export interface AddResult {
  readonly host: { readonly name: string; readonly mac: Mac };
  readonly pod: { readonly name: string; readonly mac: Mac; readonly namespacePath: string };
  readonly mtuBytes: number;
  /** One per family; each is a /32 or /128 in the pod. */
  readonly addresses: readonly Address[];
  /** The pod's default gateway by family. */
  readonly gateways: Readonly<Record<AddressFamily, Address>>;
}

const defaultDestination: Readonly<Record<AddressFamily, string>> = { 4: '0.0.0.0/0', 6: '::/0' };

/** The JSON for standard output. */
export function formatResult(version: CniVersion, result: AddResult): string {
  // Only from 1.1.0: older readers would not reject the key, but do not define it.
  const mtu = isAtLeast(version, '1.1.0') ? { mtu: result.mtuBytes } : {};
  const { host, pod } = result;
  const shape = {
    cniVersion: version,
    interfaces: [
      { name: host.name, mac: host.mac, ...mtu },
      { name: pod.name, mac: pod.mac, ...mtu, sandbox: pod.namespacePath },
    ],
    ips: result.addresses.map((address) => formatAddress(version, result, address)),
    routes: result.addresses.map((address) => ({
      dst: defaultDestination[addressFamily(address)],
      gw: result.gateways[addressFamily(address)],
    })),
    ...(isAtLeast(version, '1.1.0') ? {} : { dns: {} }),
  };
  return `${JSON.stringify(shape)}\n`;
}

/** The reply to VERSION; `version` is the request's own. */
export function formatVersions(version: string): string {
  return `${JSON.stringify({ cniVersion: version, supportedVersions: cniVersions })}\n`;
}

function formatAddress(version: CniVersion, { gateways }: AddResult, address: Address): object {
  const family = addressFamily(address);
  return {
    ...(isAtLeast(version, '1.0.0') ? {} : { version: String(family) }),
    address: hostPrefix(address),
    gateway: gateways[family],
    interface: 1,
  };
}
