// Supported versions of the CNI specification. The shim has the same list (shim/ids.h).

/** Oldest first. 0.3.1 has no CHECK; 1.0.0 dropped `ips[].version`; 1.1.0 added `interfaces[].mtu`. */
export const cniVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof cniVersions)[number];

/** Used in the answer to a request whose own version cannot be read. */
export const latestVersion: CniVersion = '1.1.0';

export function isSupportedVersion(text: string): text is CniVersion {
  return cniVersions.some((version) => version === text);
}

export function isAtLeast(version: CniVersion, floor: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(floor);
}
